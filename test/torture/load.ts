import { Agent, request } from 'node:http'
import { Caller2, type Heard } from '../wire/callers.ts'
import { pathFor } from '../wire/corpus.ts'
import { ALL_DOORS, type Door } from '../wire/doors.ts'
import { caseRandom, type Random } from '../wire/random.ts'
import type { Doors } from './ground.ts'
import { MIX, type Turn } from './turn.ts'

/** What a client saw of one call. `finished` from the first event on that says so, whatever came after it. */
export type Told = Readonly<{
  turn: Turn
  door: Door
  streamed: boolean
  over: 'h1' | 'h2c'
  call: string | null
  status: number | null
  finished: boolean
}>

/** Of the tenant that may call, and of the one that may not. */
export type Keys = Pick<Doors, 'key' | 'deniedKey'>

export type LoadOptions = Readonly<{
  baseURL: string
  doors: Keys
  seed: number
  /** The number of the first call: no two calls of one ledger have the same text. */
  first: number
  /** Half of them over HTTP/1.1, half over HTTP/2 in clear text. */
  clients: number
  /** Ends by itself after so many; else when it is stopped. */
  calls?: number
  /** What becomes of every call; without it, the usual mix. */
  only?: Turn
  hear: (told: Told) => void
}>

export type Load = Readonly<{
  /** Calls that have begun and not ended. */
  inFlight(): number
  /** Begins no more calls; those that are open end by themselves. */
  stop(): void
  /** Resolves with the number of calls when all of them have ended. */
  ended: Promise<number>
}>

/** Calls of every dialect, whole and streamed, from many clients that each have a connection. */
export function startLoad({
  baseURL,
  doors,
  seed,
  first,
  clients,
  calls = Number.POSITIVE_INFINITY,
  only,
  hear,
}: LoadOptions): Load {
  const port = Number(new URL(baseURL).port)
  let begun = 0
  let open = 0
  let stopped = false

  const client = async (over: Told['over']): Promise<void> => {
    const caller = over === 'h1' ? new Caller1(port) : new Caller2(port)
    while (!stopped && begun < calls) {
      const number = first + begun++
      const random = caseRandom(seed, number)
      const { door, turn, streamed, path, headers, body } = madeCall(random, number, doors, only)
      open++
      const leaving = turn === 'leaves' ? setTimeout(() => caller.close(), random.below(50)) : null
      const heard = await caller.call(path, headers, body)
      if (leaving !== null) clearTimeout(leaving)
      open--
      hear({
        turn,
        door,
        streamed,
        over,
        call: heard.call,
        status: heard.status,
        finished: isFinished(door, streamed, heard),
      })
    }
    caller.close()
  }
  const all = Array.from({ length: clients }, (_, index) => client(index % 2 === 0 ? 'h1' : 'h2c'))
  return {
    inFlight: () => open,
    stop: () => {
      stopped = true
    },
    ended: Promise.all(all).then(() => begun),
  }
}

function madeCall(random: Random, number: number, { key, deniedKey }: Keys, only?: Turn) {
  const door = random.pick(ALL_DOORS)
  const streamed = !door.path.endsWith('/count_tokens') && random.chance(0.5)
  const turn = only ?? turnOf(random)
  const asks = streamed && door.kind !== 'bedrock' ? ',"stream":true}' : '}'
  return {
    door,
    turn,
    streamed,
    path: door.mount + pathFor(door, streamed && door.kind === 'bedrock'),
    headers: {
      authorization: `Bearer ${turn === 'denied' ? deniedKey : key}`,
      'content-type': 'application/json',
      ...door.headers,
    },
    body: Buffer.from(door.body().slice(0, -1).replace('hello', `call ${number} case-${turn}`) + asks),
  }
}

function turnOf(random: Random): Turn {
  let left = random.below(100)
  for (const [turn, percent] of MIX) {
    if (left < percent) return turn
    left -= percent
  }
  return 'fine'
}

/** The client takes an answer for finished from here on: a whole one when it is whole, a stream at the first event that says so. */
function isFinished({ dialect }: Door, streamed: boolean, { status, body }: Heard): boolean {
  if (status !== 200) return false
  if (!streamed) return isWhole(body)
  if (dialect === 'openai.chat') return body.includes('"finish_reason":"stop"')
  if (dialect === 'anthropic.messages') return body.includes('"stop_reason":"end_turn"')
  if (dialect === 'bedrock.converse') return body.includes('messageStop')
  return [...body.toString('latin1').matchAll(/"bytes":"([A-Za-z0-9+/=]+)"/g)].some(([, wrapped = '']) =>
    Buffer.from(wrapped, 'base64').includes('"stop_reason":"end_turn"'),
  )
}

function isWhole(body: Buffer): boolean {
  try {
    JSON.parse(body.toString())
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** Calls over one connection of HTTP/1.1; of an answer that breaks off, what had come is kept. */
class Caller1 {
  readonly #port: number
  #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(port: number) {
    this.#port = port
  }

  call(path: string, headers: Readonly<Record<string, string>>, body: Buffer): Promise<Heard> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = []
      let status: number | null = null
      let call: string | null = null
      let cut = false
      const sent = request({
        host: '127.0.0.1',
        port: this.#port,
        method: 'POST',
        path,
        agent: this.#agent,
        headers: { ...headers, 'content-length': body.length },
      })
      const end = (): void => resolve({ status, call, body: Buffer.concat(chunks), cut })
      sent.on('response', (answer) => {
        status = answer.statusCode ?? null
        call = String(answer.headers['x-customhouse-call'] ?? '') || null
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', () => {
          cut = true
        })
        answer.on('close', end)
      })
      sent.on('error', () => {
        cut = true
        if (status === null) end()
      })
      sent.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 })
  }
}
