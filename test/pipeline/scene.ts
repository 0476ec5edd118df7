import { getEventListeners } from 'node:events'
import type { ModelCall, Outcome, Target } from '../../src/core/call.ts'
import type { Decider, Obligation, Verdict } from '../../src/core/decision.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Generation } from '../../src/core/generation.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import type { Answer, AnswerBody, Client, Codec, Provider } from '../../src/core/port.ts'
import type { AuditDraft, Ledger } from '../../src/core/record.ts'
import { SILENT } from '../../src/core/telemetry.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import type { Gateway } from '../../src/pipeline/gateway.ts'
import { handle } from '../../src/pipeline/handle.ts'
import { stream as streamPlugin } from '../../src/pipeline/stream.ts'

/** One call through the pipeline, with the codec as it ships and every port under the test's control. */
export type Scene = Readonly<{
  streamed?: boolean
  /** How many the call asks for (`n`); 1 if not given. */
  choices?: number
  status?: number
  contentType?: string
  /** Further headers of the provider's answer. */
  headers?: Readonly<Record<string, string>>
  chunks?: readonly (string | Uint8Array)[]
  /** What comes after the last chunk. `hang`: nothing, until someone gives the answer up. */
  last?: 'end' | 'reset' | 'hang'
  /** Called before each chunk is given out, and once more before what comes after the last. */
  before?: (index: number, actors: Actors) => void | Promise<void>
  obligations?: readonly Obligation[]
  limits?: Partial<Generation['limits']>
  codec?: Partial<Codec>
  client?: (actors: Actors) => Partial<Client>
  decider?: Partial<Decider>
  revision?: string
  plugins?: readonly Plugin[]
  /** Fails the append of such a record, as a full disk does or with an error of the test's own. */
  refuses?: (draft: AuditDraft) => boolean | Error
  /** In the order of the route; {@link TARGET} alone if there are none. */
  targets?: readonly Target[]
  /** Which generation is active, at each time that it is asked for. */
  generation?: (made: Generation) => Generation
  /** Whether the credential still stands. */
  stands?: () => boolean
  /** Whether it is known to be revoked. */
  revoked?: () => boolean
  /** Whether the policy is not stale. */
  fresh?: () => boolean
  open?: Provider['open']
  /** Stands around the provider. */
  around?: (made: Provider) => Provider
  /** In place of the scripted one; then {@link Played} tells of no records. */
  ledger?: Ledger
  /** What the codec has read of the call, where it matters. */
  call?: Partial<ModelCall>
  /** Shared by several calls; else each has one of its own. */
  drained?: AbortController
}>

export type Actors = Readonly<{ gone: AbortController; drained: AbortController; journal: string[] }>

export type Played = Readonly<{
  /** What happened, in order: `record <kind> <ending>`, `begin <status>`, `write <bytes>`, `end <bytes>`, `dropped <bytes>` (of either, to a client that is gone), `destroy`, `settle <ending>`. */
  journal: readonly string[]
  records: readonly AuditDraft[]
  outcomes: readonly AuditDraft[]
  settled: readonly Outcome[]
  /** Everything that was written to the client. */
  text: string
  status: number | null
  headers: Readonly<Record<string, string>>
  cancelled: boolean
  /** Listeners left on the client's signal. */
  listeners: number
}>

const PLACE = { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] }
export const TARGET: Target = {
  id: 'one/gpt-4o',
  provider: 'one',
  model: 'gpt-4o',
  kind: 'openai',
  dialects: ['openai.chat'],
  tenants: null,
  residency: PLACE,
  contract: [],
}

export async function play(scene: Scene): Promise<Played> {
  const actors: Actors = { gone: new AbortController(), drained: scene.drained ?? new AbortController(), journal: [] }
  const { journal, gone, drained } = actors
  const records: AuditDraft[] = []
  const settled: Outcome[] = []
  const seen = { text: '', status: null as number | null, headers: {} as Readonly<Record<string, string>> }
  const body = new ScriptedBody(scene, actors)

  const client: Client = {
    gone: gone.signal,
    begin(status, headers) {
      journal.push(`begin ${status}`)
      seen.status = status
      seen.headers = headers
    },
    // As the real one: to a client that is gone nothing is given.
    write(bytes) {
      if (gone.signal.aborted) return void journal.push(`dropped ${Buffer.from(bytes)}`)
      journal.push(`write ${Buffer.from(bytes)}`)
      seen.text += Buffer.from(bytes)
    },
    end(bytes = new Uint8Array()) {
      if (gone.signal.aborted) return void journal.push(`dropped ${Buffer.from(bytes)}`)
      journal.push(`end ${Buffer.from(bytes)}`)
      seen.text += Buffer.from(bytes)
    },
    destroy: () => void journal.push('destroy'),
  }
  const ledger: Ledger = {
    async append(draft) {
      await Promise.resolve()
      const refused = scene.refuses?.(draft) ?? false
      if (refused !== false) {
        journal.push(`refused ${draft.kind}`)
        if (refused !== true) throw refused
        throw new CustomhouseError('ERR_LEDGER_UNAVAILABLE', 'the disk is full')
      }
      journal.push(`record ${draft.kind}${draft.body.ending === undefined ? '' : ` ${draft.body.ending}`}`)
      return { seq: records.push(draft) - 1, tseq: records.length - 1, id: 'record' }
    },
    failed: new Promise(() => undefined),
    health: () => 'ok',
    close: async () => undefined,
  }
  const teller: Plugin = {
    name: 'teller',
    settle: async (_, outcome) => {
      journal.push(`settle ${outcome.ending}`)
      settled.push(outcome)
    },
  }
  const provider: Provider = {
    name: 'one',
    dialects: ['openai.chat'],
    address: ({ path }) => `https://one.example${path}`,
    open: scene.open ?? (async (_, signal) => body.answer(signal)),
    close: async () => undefined,
  }
  const codec: Codec = { ...openaiChat, ...scene.codec }
  const gateway: Gateway = {
    generation: () => scene.generation?.(generation) ?? generation,
    ledger: scene.ledger ?? ledger,
    authenticator: {
      authenticate: () => ({ principal: call.principal, confirm: null }),
      stands: scene.stands ?? (() => true),
      revoked: scene.revoked ?? (() => false),
    },
    fresh: scene.fresh ?? (() => true),
    drained: drained.signal,
    refused: (code) => void journal.push(`counted ${code}`),
    report: (what) => void journal.push(`report ${what}`),
  }
  const watch = SILENT.arrived({ id: '', dialect: 'openai.chat', prefix: '', method: 'POST', traceparent: undefined })
  const generation = generationOf(scene, scene.around?.(provider) ?? provider, [
    streamPlugin,
    teller,
    ...(scene.plugins ?? []),
  ])
  const call = { ...callOf(scene.streamed ?? true, scene.choices), ...scene.call }
  // A client's methods may be replaced, its signal not.
  await handle({ call, codec, client: { ...client, ...scene.client?.(actors) }, gateway, watch })
  return {
    journal,
    records,
    outcomes: records.filter(({ kind }) => kind === 'call.outcome'),
    settled,
    ...seen,
    cancelled: body.cancelled,
    listeners: getEventListeners(gone.signal, 'abort').length,
  }
}

class ScriptedBody implements AnswerBody {
  readonly #scene: Scene
  readonly #actors: Actors
  readonly #over = Promise.withResolvers<never>()
  cancelled = false

  constructor(scene: Scene, actors: Actors) {
    this.#scene = scene
    this.#actors = actors
    this.#over.promise.catch(() => undefined)
  }

  answer(signal: AbortSignal): Answer {
    const { status = 200, contentType, headers, streamed = true } = this.#scene
    signal.addEventListener('abort', () =>
      this.#over.reject(signal.reason instanceof CustomhouseError ? signal.reason : broken()),
    )
    const usual = streamed && status < 400 ? 'text/event-stream' : 'application/json'
    return { status, headers: { 'content-type': contentType ?? usual, ...headers }, body: this }
  }

  async whole(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    for await (const chunk of this) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    const { chunks = [], last = 'end', before } = this.#scene
    try {
      for (const [index, chunk] of chunks.entries()) {
        await this.#turn(before?.(index, this.#actors))
        yield Buffer.from(chunk)
      }
      await this.#turn(before?.(chunks.length, this.#actors))
      if (last === 'reset') throw broken()
      if (last === 'hang') await this.#over.promise
    } finally {
      this.cancel()
    }
  }

  /** Whatever the test does before a chunk; if that gives the answer up, there is no chunk. */
  async #turn(before: Promise<void> | void): Promise<void> {
    await before
    await Promise.race([this.#over.promise, undefined])
  }

  cancel(): void {
    this.cancelled = true
    this.#over.reject(broken())
  }
}

function broken(): CustomhouseError {
  return new CustomhouseError('ERR_PROVIDER_TRUNCATED', 'Provider one broke off.')
}

function callOf(streamed: boolean, n?: number): ModelCall {
  return openaiChat.read({
    id: '01930000-0000-7000-8000-000000000000',
    method: 'POST',
    path: '/chat/completions',
    query: '',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(
      JSON.stringify({ model: 'gpt-4o', stream: streamed, n, messages: [{ role: 'user', content: 'hello' }] }),
    ),
    principal: { subject: 'test', tenant: 'claims', groups: [], purpose: null, proof: 'key', keyId: 'key' },
  })
}

function generationOf(scene: Scene, provider: Provider, plugins: readonly Plugin[]): Generation {
  const allow: Verdict = { effect: 'allow', reasons: [], obligations: scene.obligations ?? [] }
  const targets = scene.targets ?? [TARGET]
  const facts = { id: 'decision', revision: scene.revision ?? 'revision', fuel: 1 }
  return {
    number: 1,
    configDigest: 'config',
    environment: 'test',
    decider: {
      revision: facts.revision,
      request: () => ({
        ...facts,
        phase: 'request',
        targets: new Map(targets.map(({ id }) => [id, allow])),
        order: [],
        choose: null,
      }),
      response: () => ({ ...facts, phase: 'response', verdict: { ...allow, obligations: [] } }),
      ...scene.decider,
    },
    controls: ['test'],
    plugins,
    catalogue: { resolve: () => PLACE, evidence: () => ({ facet: 'processing', places: null }) },
    providers: new Map([['one', provider]]),
    models: new Map([['gpt-4o', targets]]),
    tenants: new Set(['claims']),
    limits: {
      answerBytes: 1_000_000,
      inspectMs: 1_000,
      firstByteMs: 1_000,
      idleMs: 1_000,
      totalMs: 60_000,
      heldCharacters: 10_000,
      progressMs: 60_000,
      progressBytes: 1_000_000,
      ...scene.limits,
    },
  }
}
