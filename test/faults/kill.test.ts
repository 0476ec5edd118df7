import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import {
  openContentKeys,
  publishedVerifierKey,
  readDisclosure,
  readEntries,
  sealContext,
  unseal,
  verifyLedger,
} from '../../src/audit/index.ts'
import type { AuditRecord } from '../../src/core/record.ts'
import { CLOSING_KINDS } from '../../src/core/record.ts'
import { type Ground, layGround } from '../house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'
import { serve } from '../serve.ts'

/**
 * kill -9 at random points under load. Three journals are compared afterwards: what the clients saw (kept here, in another process), what
 * reached the provider, and the ledger.
 */
const KILLS = Number(process.env.CUSTOMHOUSE_KILLS ?? 200)
const LANES = 2
const CLIENTS = 6

type Seen = Readonly<{ call: string; finished: boolean }>

test(`${KILLS} kills: every finished answer has its outcome, every intent closes, nothing reached the provider without an intent`, async () => {
  const done = await Promise.all(Array.from({ length: LANES }, (_, lane) => killing(Math.ceil(KILLS / LANES), lane)))
  for (const { seen, arrived, records, dispatched, verified } of done) {
    const intents = records.filter(({ kind }) => kind === 'call.intent')
    const closing = records.filter(({ kind }) => CLOSING_KINDS.includes(kind))
    expect(verified).toBe('verified')
    // Something happened: answers finished, kills hit calls in flight.
    expect(seen.filter(({ finished }) => finished).length).toBeGreaterThan(KILLS / LANES)
    expect(closing.filter(({ kind }) => kind === 'call.abandoned').length).toBeGreaterThan(KILLS / LANES / 10)
    // Every intent is closed by exactly one record.
    expect(closing.map(({ of }) => of).sort((a = 0, b = 0) => a - b)).toEqual(intents.map(({ seq }) => seq))
    // Every answer that a client saw finished is on record as complete.
    const complete = new Set(
      records.filter(({ kind, body }) => kind === 'call.outcome' && body.ending === 'complete').map(({ call }) => call),
    )
    expect(seen.filter(({ call, finished }) => finished && !complete.has(call))).toEqual([])
    // Every request at the provider is one whose intent, with the digest of exactly these bytes, was on disk.
    expect(arrived.filter((digest) => !dispatched.has(digest))).toEqual([])
    expect(arrived.length).toBeGreaterThan(KILLS / LANES)
  }
}, 900_000)

async function killing(kills: number, lane: number) {
  const upstream = await startRecorder({
    answer: (request) =>
      request.body.toString().includes('"stream":true')
        ? stream(openaiStream({ texts: ['one two three four'] }, { includeUsage: true }), { everyMs: 1 })
        : whole(openaiAnswer({ texts: ['one two'] }), { delayMs: 1 }),
  })
  const ground = await layGround({
    providers: { one: { url: `${upstream.url}/v1` } },
    config: { log: { level: 'info', format: 'json' }, reload: { every: '1h' } },
  })
  const seen: Seen[] = []
  const random = lcg(lane + 1)
  try {
    for (let kill = 0; kill < kills; kill++) {
      const { baseURL, child, exited } = await serve(ground)
      const stop = new AbortController()
      const clients = Array.from({ length: CLIENTS }, (_, index) =>
        client(baseURL, ground.key, index, stop.signal, seen),
      )
      // From before the first answer to well into the load.
      await sleep(random() * 300)
      child.kill('SIGKILL')
      stop.abort()
      await Promise.all([exited, ...clients])
    }
    const { child, exited } = await serve(ground)
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
    return { seen, arrived: digestsAt(upstream, ground), ...(await read(ground)) }
  } finally {
    await upstream.close()
    ground.remove()
  }
}

/** Calls one after the other until it is told to stop, and notes what it saw: an answer is finished when its last event was read. */
async function client(baseURL: string, key: string, index: number, stop: AbortSignal, seen: Seen[]): Promise<void> {
  for (let turn = 0; !stop.aborted; turn++) {
    const streamed = (index + turn) % 2 === 0
    let call = ''
    try {
      const answer = await fetch(`${baseURL}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'gpt-4o',
          stream: streamed,
          messages: [{ role: 'user', content: `client ${index} turn ${turn}` }],
        }),
      })
      call = answer.headers.get('x-customhouse-call') ?? ''
      let text = ''
      for await (const chunk of answer.body ?? []) {
        text += Buffer.from(chunk).toString()
        // From the first event that says so, the client takes the answer for finished, whatever comes after.
        if (text.includes('"finish_reason":"stop"') && streamed) break
      }
      const finished = answer.status === 200 && text.includes('"finish_reason":"stop"') && (streamed || isWhole(text))
      seen.push({ call, finished })
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      seen.push({ call, finished: false })
      return
    }
  }
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** What arrived at the provider, as the gateway digests a dispatch: method, URL, the dispatch's own headers, body. */
function digestsAt(upstream: Recorder, _ground: Ground): string[] {
  return upstream.requests.map((request) => {
    const headers = {
      'content-type': 'application/json',
      accept: request.body.toString().includes('"stream":true') ? 'text/event-stream' : 'application/json',
    }
    return createHash('sha256')
      .update(`POST ${upstream.url}/v1/chat/completions\n${JSON.stringify(headers)}\n`)
      .update(request.body)
      .digest('hex')
  })
}

async function read(ground: Ground) {
  const directory = join(ground.state, 'ledger')
  const keys = join(ground.folder, 'keys')
  const content = openContentKeys(keys, { make: false })
  const publicKey = publishedVerifierKey(keys)
  const { status } = await verifyLedger(directory, publicKey === null ? {} : { publicKey })
  const records: AuditRecord[] = []
  const dispatched = new Set<string>()
  const onDamage = (damage: { message: string }): never => {
    throw new Error(damage.message)
  }
  for await (const { leaf, sealed } of readEntries(directory, { onDamage })) {
    records.push(leaf)
    if (leaf.kind !== 'call.intent' || sealed === null) continue
    const key = content.opening(sealed.k)
    const opened = key === null ? null : unseal(key, sealContext(leaf.log, leaf.seq, leaf.id), sealed.x)
    for (const disclosure of opened ?? []) {
      const read = readDisclosure(disclosure)
      if (read?.name === 'dispatch') dispatched.add(String(read.value))
    }
  }
  return { records, dispatched, verified: status }
}

/** Random numbers in [0, 1) that are the same at each run (Numerical Recipes' linear congruential generator). */
function lcg(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
