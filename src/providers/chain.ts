import { CustomhouseError } from '../core/errors.ts'
import { abortFault, fault } from './faults.ts'

/** Keys of AWS. `sessionToken` comes with temporary ones. */
export type AwsCredentials = Readonly<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }>

type Held = Readonly<{ credentials: AwsCredentials; expiresAt: number }>

/** Asked anew so long before they expire; those that do not expire, so long after they came: a file may have been rotated. */
const REFRESH_MS = 300_000
/** Not used any more so shortly before they expire: a call must still arrive. */
const MARGIN_MS = 15_000
/** Between two questions while credentials are still good. */
const AGAIN_MS = 10_000
/** For one question, loading AWS's packages included. */
const CHAIN_MS = 10_000

/** What stands in a header or in a key: one printable word. */
const WORD = /^[\x21-\x7e]+$/
const KEY_ID = /^\w{1,128}$/
/** The chain has things to say on the console; it asks through this instead. */
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/**
 * The credentials that AWS's own chain finds: environment, profile, web identity, container, instance. Kept until shortly before they expire, and asked
 * for once however many calls wait. Nothing of AWS is loaded before the first call.
 */
export class AwsChain {
  readonly #provider: string
  readonly #waitMs: number
  #held: Held | null = null
  #askAfter = 0
  #asking: Promise<AwsCredentials> | null = null

  /** No call waits longer than `waitMs`. */
  constructor(provider: string, waitMs: number) {
    this.#provider = provider
    this.#waitMs = Math.min(waitMs, CHAIN_MS)
  }

  /** Rejects with ERR_PROVIDER_UNREACHABLE when the chain finds nothing, or not in time. Its own errors are not passed on: they hold paths and more. */
  credentials(signal: AbortSignal): Promise<AwsCredentials> {
    if (signal.aborted) return Promise.reject(abortFault(this.#provider, signal, false))
    const now = Date.now()
    const held = this.#held
    if (held === null || now >= held.expiresAt - MARGIN_MS) return this.#unlessAborted(this.#ask(), signal)
    // Those that are there serve on; should the question fail, another one is asked later.
    if (now >= this.#askAfter) void Promise.allSettled([this.#ask()])
    return Promise.resolve(held.credentials)
  }

  #ask(): Promise<AwsCredentials> {
    this.#asking ??= this.#answer().finally(() => {
      this.#asking = null
      const { expiresAt } = this.#held ?? { expiresAt: Number.POSITIVE_INFINITY }
      this.#askAfter = Math.max(Math.min(expiresAt - REFRESH_MS, Date.now() + REFRESH_MS), Date.now() + AGAIN_MS)
    })
    return this.#asking
  }

  async #answer(): Promise<AwsCredentials> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(this.#fault('AWS_TIMEOUT')), this.#waitMs)
    try {
      const held = await Promise.race([this.#chain(), late.promise])
      this.#held = held
      return held.credentials
    } finally {
      clearTimeout(timer)
    }
  }

  async #chain(): Promise<Held> {
    try {
      const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
      // Made anew each time: it would keep what it found for itself, and the content of profile files.
      const found = await defaultProvider({ logger: SILENT, ignoreCache: true })()
      const { accessKeyId, secretAccessKey, sessionToken, expiration } = found
      const expiresAt = expiration?.getTime() ?? Number.POSITIVE_INFINITY
      const words = [secretAccessKey, ...(sessionToken === undefined ? [] : [sessionToken])]
      if (!KEY_ID.test(accessKeyId) || !words.every((text) => WORD.test(text))) throw this.#fault('AWS_MALFORMED')
      if (!(expiresAt > Date.now() + MARGIN_MS)) throw this.#fault('AWS_EXPIRED')
      const credentials = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
      return { credentials, expiresAt }
    } catch (error) {
      throw error instanceof CustomhouseError ? error : this.#fault('AWS_CHAIN')
    }
  }

  /** The wait ends with the call; the question goes on for others. */
  async #unlessAborted(asking: Promise<AwsCredentials>, signal: AbortSignal): Promise<AwsCredentials> {
    const aborted = Promise.withResolvers<never>()
    const stop = () => aborted.reject(abortFault(this.#provider, signal, false))
    signal.addEventListener('abort', stop)
    try {
      return await Promise.race([asking, aborted.promise])
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  #fault(reason: string): CustomhouseError {
    return fault('ERR_PROVIDER_UNREACHABLE', this.#provider, "got no credentials from AWS's chain", reason)
  }
}
