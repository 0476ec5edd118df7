import { createHash } from 'node:crypto'
import { createClient, ErrorReply } from '@redis/client'
import { CustomhouseError } from '../../core/errors.ts'
import { EMPTY, listText, parseList, type RevocationList } from './list.ts'
import { absent, type Look, present, type RevocationStore } from './store.ts'

export type RedisOptions = Readonly<{
  /** `redis://host:6379/0`, `rediss://...`. */
  url: string
  user: string | null
  password: string | null
}>

/** One hash, so that a list and its digest are there together or not at all. */
const KEY = 'customhouse:revocations'

/** For a connection, and for any answer that does not hold a list. */
const DEADLINE_MS = 1_000
/** For one that does. */
const LIST_DEADLINE_MS = 5_000
/** Writers that came in between, until one gives up. */
const TRIES = 20

/** Scripts run whole or not at all, and nothing runs in between. */
const REPLACE = `if redis.call('HGET', KEYS[1], 'digest') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'digest', ARGV[2], 'list', ARGV[3])
return 1`
const MAKE = `if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'list', ARGV[2])
return 1`

type Client = ReturnType<typeof connectable>

/** A list in Redis. Each look asks for the digest alone; the list follows only where that is another. */
export function redisStore(options: RedisOptions): RevocationStore {
  const where = placeOf(options.url)
  let client: Client | null = null

  const drop = (): void => {
    if (client?.isOpen === true) client.destroy()
    client = null
  }

  /** The client's own time-outs end at what has been sent: a server that hangs would be waited for without end. */
  const within = async <T>(ms: number, work: (on: Client) => Promise<T>): Promise<T> => {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error(`no answer in ${ms} ms`)), ms)
    try {
      return await Promise.race([connected().then(work), late.promise])
    } catch (cause) {
      // Where it said no, it is there; whatever else happened, the next look begins anew.
      if (!(cause instanceof ErrorReply)) drop()
      throw unavailable(where, cause)
    } finally {
      clearTimeout(timer)
    }
  }
  const connected = async (): Promise<Client> => {
    if (client?.isReady === true) return client
    drop()
    const fresh = connectable(options)
    client = fresh
    await fresh.connect()
    return fresh
  }

  const whole = async (): Promise<Look> => {
    const [digest, text] = await within(LIST_DEADLINE_MS, (on) => on.hmGet(KEY, ['digest', 'list']))
    if (digest == null && text == null) throw absent(where)
    if (typeof digest !== 'string' || typeof text !== 'string' || digest !== digestOf(text)) {
      throw new CustomhouseError(
        'ERR_KEYS_STORE',
        `The list of what is revoked in ${where} is damaged: its digest is another's. Restore it from a backup.`,
      )
    }
    return { version: digest, list: parseList(where, Buffer.from(text)) }
  }

  const attempt = async (work: (list: RevocationList) => RevocationList | null): Promise<RevocationList | null> => {
    const { version, list } = await whole()
    const next = work(list)
    if (next === null) return list
    const text = listText(next)
    const done = await within(LIST_DEADLINE_MS, (on) =>
      on.eval(REPLACE, { keys: [KEY], arguments: [version, digestOf(text), text] }),
    )
    return done === 1 ? next : null
  }

  return {
    where,
    look: async (version) => {
      if (version !== null && (await within(DEADLINE_MS, (on) => on.hGet(KEY, 'digest'))) === version) return null
      return whole()
    },
    change: async (work) => {
      for (let i = 0; i < TRIES; i++) {
        const changed = await attempt(work)
        if (changed !== null) return changed
      }
      throw new CustomhouseError(
        'ERR_IDENTITY_UNAVAILABLE',
        `Others change the list in ${where} all the time. Try again.`,
      )
    },
    make: async () => {
      const text = listText(EMPTY)
      const made = await within(DEADLINE_MS, (on) => on.eval(MAKE, { keys: [KEY], arguments: [digestOf(text), text] }))
      if (made !== 1) throw present(where)
    },
    close: async () => drop(),
  }
}

function connectable({ url, user, password }: RedisOptions) {
  const client = createClient({
    url,
    ...(user === null ? {} : { username: user }),
    ...(password === null ? {} : { password }),
    socket: { connectTimeout: DEADLINE_MS, reconnectStrategy: false as const },
    // What could not be sent is asked anew, not later.
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    disableClientInfo: true,
  })
  // Whoever waits is told; without a listener the process would end.
  client.on('error', () => undefined)
  return client
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Without user and password. */
function placeOf(url: string): string {
  if (!URL.canParse(url)) return 'Redis'
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

/** Redis' own words could repeat what it was sent; the first of them is its code. */
function unavailable(where: string, cause: unknown): CustomhouseError {
  if (cause instanceof CustomhouseError) return cause
  const said = cause instanceof ErrorReply ? cause.message.split(' ', 1).join('') : ''
  const code =
    cause instanceof Error && 'code' in cause ? String(cause.code) : cause instanceof Error ? cause.name : 'unknown'
  const hint = HINTS[said] ?? ''
  return new CustomhouseError(
    'ERR_IDENTITY_UNAVAILABLE',
    `The list of what is revoked in ${where} cannot be looked at (${said === '' ? code : said}).${hint}`,
    { cause },
  )
}

const HINTS: Readonly<Record<string, string>> = {
  NOAUTH: ' It wants a password: set identity.revocation.password.',
  WRONGPASS: ' User or password are not right: see identity.revocation.',
  NOPERM:
    ' This user needs HGET, HMGET, and to change the list EVAL, HSET, EXISTS, on the key customhouse:revocations.',
  READONLY: ' It is a replica: name the primary.',
}
