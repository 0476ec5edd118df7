import { createServer, type Socket } from 'node:net'
import { crc32 } from 'node:zlib'
import { RequestReader } from '../kit/index.ts'
import { play } from '../kit/script.ts'
import { type Corpus, keyOf } from './corpus.ts'
import { DOORS, type Door } from './doors.ts'
import { CANARY } from './message.ts'
import { CANARIES } from './mutate.ts'
import { digestOf } from './post.ts'
import { caseRandom } from './random.ts'
import { speech } from './speech.ts'
import { unlisted } from './tally.ts'

/** An upstream for campaigns. It keeps digests and what is wrong, not the requests. */
export type Provider = Readonly<{
  url: string
  /** How often a dispatch of this digest arrived. */
  arrived: Map<string, number>
  /** Bodies that differ, up to a number. */
  bodies: ReadonlyMap<number, Buffer>
  /** Bytes that no reader of HTTP takes, fields that must stay behind, texts that nobody read. */
  faults: string[]
  /** Whether answers are changed from now on. */
  change(changed: boolean): void
  close(): Promise<void>
}>

export type ProviderOptions = Readonly<{
  corpus: Corpus
  seed: number
  /** Texts that an inspector has read. */
  seen: ReadonlySet<string>
  secret: string
  keep: number
}>

export async function startProvider({ corpus, seed, seen, secret, keep }: ProviderOptions): Promise<Provider> {
  const arrived = new Map<string, number>()
  const bodies = new Map<number, Buffer>()
  const faults: string[] = []
  const sockets = new Set<Socket>()
  let changed = false
  let url = ''
  const server = createServer((socket) => {
    sockets.add(socket)
    const closed = new Promise<void>((resolve) =>
      socket.once('close', () => {
        sockets.delete(socket)
        resolve()
      }),
    )
    // A gateway may give an answer up.
    socket.on('error', () => undefined)
    socket.setNoDelay(true)
    const reader = new RequestReader()
    const fail = (error: unknown): void => {
      faults.push(`unreadable: ${String(error)}`)
      socket.destroy()
    }
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const request of reader.push(bytes)) {
          const digest = digestOf(request, url)
          arrived.set(digest, (arrived.get(digest) ?? 0) + 1)
          const text = request.wire.toString('latin1')
          const found = doorOf(request.path)
          const body = Buffer.from(request.body)
          const sum = crc32(body)
          if (bodies.size < keep) bodies.set(sum, body)
          if (found === null) faults.push(`sent to ${request.path}`)
          else for (const name of unlisted(request, found.door)) faults.push(`a field that must stay behind: ${name}`)
          if (text.includes(CANARY) || text.includes(secret)) faults.push('a credential, or a field of a client')
          for (const [canary] of text.matchAll(CANARIES)) if (!seen.has(canary)) faults.push(`sent unread: ${canary}`)
          const { door, streamed } = found ?? { door: DOORS[0], streamed: false }
          if (door === undefined) throw new Error('there is no door')
          const asksStream = streamed || (door.kind !== 'bedrock' && saysStream(body))
          const random = caseRandom(seed ^ 0x5bd1e995, sum)
          const answers = corpus.spoken.get(keyOf(door.dialect, asksStream)) ?? []
          const answer = changed ? random.pick(answers) : answers[0]
          if (answer === undefined) throw new Error(`no answer for ${door.dialect}`)
          const canary = `KNY${100_000_000 + (sum % 800_000_000)}Y`
          play(speech(answer, random, changed, canary), socket, closed).catch(fail)
        }
      } catch (error) {
        fail(error)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the provider has no port')
  url = `http://127.0.0.1:${address.port}`
  return {
    url,
    arrived,
    bodies,
    faults,
    change: (now) => {
      changed = now
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** Whether the body itself asks for a stream: a member of that name may stand anywhere in a changed one. */
function saysStream(body: Buffer): boolean {
  return body.includes('"stream":true') && JSON.parse(body.toString()).stream === true
}

function doorOf(path: string): { door: Door; streamed: boolean } | null {
  for (const door of DOORS) {
    if (path === door.upstream) return { door, streamed: false }
    const streamed = path === `${door.upstream}-stream` || path === `${door.upstream}-with-response-stream`
    if (streamed && door.kind === 'bedrock') return { door, streamed: true }
  }
  return null
}
