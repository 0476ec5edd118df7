import { createServer, type Socket } from 'node:net'
import { EVENT_STREAM } from '../../src/dialects/eventstream.ts'
import {
  anthropicAnswer,
  anthropicStream,
  converseAnswer,
  converseStream,
  type Ending,
  failure,
  invokeStream,
  openaiAnswer,
  openaiStream,
  RequestReader,
  type Script,
  type Speech,
  shortBody,
  stream,
  tooMany,
  whole,
} from '../kit/index.ts'
import { play } from '../kit/script.ts'
import { pathFor } from '../wire/corpus.ts'
import { ALL_DOORS, type Door } from '../wire/doors.ts'
import { digestOf } from '../wire/post.ts'
import { TURNS, type Turn } from './turn.ts'

/** All providers at once, which keep no bodies: counts, and of what arrived the digests of the dispatches. */
export type Upstream = Readonly<{
  url: string
  port: number
  /** How often each dispatch arrived; of those alone that `keep` wants. */
  arrived: ReadonlyMap<string, number>
  count(): number
  /** What is no request, or went where nothing may go. */
  faults: readonly string[]
  close(): Promise<void>
}>

export type UpstreamOptions = Readonly<{ keep?: (digest: string) => boolean }>

const SAID: Speech = { texts: ['one two three four'] }
const LONG: Speech = { texts: [Array.from({ length: 60 }, (_, at) => `word-${at}-of-a-long-answer`).join(' ')] }

function piecesOf({ dialect }: Door, speech: Speech): readonly (string | Buffer)[] {
  if (dialect === 'openai.chat') return openaiStream(speech, { includeUsage: true })
  if (dialect === 'anthropic.messages') return anthropicStream(speech)
  return dialect === 'bedrock.converse' ? converseStream(speech) : invokeStream(speech)
}

function wholeOf(door: Door, speech: Speech): unknown {
  if (door.path.endsWith('/count_tokens')) return door.answer
  if (door.dialect === 'openai.chat') return openaiAnswer(speech)
  return door.dialect === 'bedrock.converse' ? converseAnswer(speech) : anthropicAnswer(speech)
}

function answersOf(door: Door, streamed: boolean): Record<Turn, readonly Script[]> {
  const fields = door.kind === 'bedrock' ? { 'content-type': EVENT_STREAM } : {}
  const pieces = piecesOf(door, SAID)
  const endings: readonly Ending[] = ['fin', 'reset']
  const cut = streamed
    ? endings.map((ending) => stream(pieces.slice(0, 4), { fields, ending }))
    : endings.map((ending) => shortBody(wholeOf(door, SAID), 12, ending))
  const fine = streamed ? stream(pieces, { fields }) : whole(wholeOf(door, SAID))
  const slow = streamed
    ? stream(piecesOf(door, LONG), { fields, everyMs: 2 })
    : whole(wholeOf(door, LONG), { delayMs: 20 })
  // A wait in it would be kept to by the gateway, and calls of other turns want the target.
  const busy = [tooMany(0)]
  return { fine: [fine], leaves: [slow], denied: [fine], long: [slow], fails: [failure(500)], busy, cut }
}

type Way = Readonly<Record<Turn, readonly Script[]>>

/** Answers by path; where the path does not tell a stream, by path and `stream`. */
const WAYS: ReadonlyMap<string, Way> = new Map(
  ALL_DOORS.flatMap((door): [string, Way][] => {
    const bedrock = door.kind === 'bedrock'
    const streamed = bedrock ? pathFor({ ...door, path: door.upstream }, true) : `${door.upstream} stream`
    return [
      [door.upstream, answersOf(door, false)],
      [streamed, answersOf(door, true)],
    ]
  }),
)

export async function startUpstream({ keep = () => true }: UpstreamOptions = {}): Promise<Upstream> {
  const arrived = new Map<string, number>()
  const faults: string[] = []
  const sockets = new Set<Socket>()
  let count = 0
  let url = ''
  const server = createServer((socket) => {
    sockets.add(socket)
    const closed = new Promise<void>((resolve) =>
      socket.once('close', () => {
        sockets.delete(socket)
        resolve()
      }),
    )
    // A gateway that is killed resets.
    socket.on('error', () => undefined)
    socket.setNoDelay(true)
    const reader = new RequestReader()
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const request of reader.push(bytes)) {
          const digest = digestOf(request, url)
          count++
          if (keep(digest)) arrived.set(digest, (arrived.get(digest) ?? 0) + 1)
          const body = request.body.toString('latin1')
          const way = WAYS.get(body.includes('"stream":true') ? `${request.path} stream` : request.path)
          const turn = TURNS.find((name) => body.includes(`case-${name}`))
          const scripts = way === undefined || turn === undefined ? [] : way[turn]
          const script = scripts[Number.parseInt(digest.slice(0, 8), 16) % scripts.length]
          if (script === undefined || turn === 'denied') faults.push(`${turn} was sent to ${request.path}`)
          play(script ?? ['fin'], socket, closed).catch((error: unknown) => faults.push(String(error)))
        }
      } catch (error) {
        faults.push(`unreadable: ${String(error)}`)
        socket.destroy()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the upstream has no port')
  url = `http://127.0.0.1:${address.port}`
  return {
    url,
    port: address.port,
    arrived,
    count: () => count,
    faults,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
