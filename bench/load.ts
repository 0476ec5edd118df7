import { Pool } from 'undici'

/** A subject of the table: where calls go, and what they carry. */
export type Subject = Readonly<{
  name: string
  origin: string
  path: string
  headers: Readonly<Record<string, string>>
  pid: number
}>

export type Run = Readonly<{ calls: number; seconds: number; latencies: Float64Array }>

/** A non-streamed call of about 2 KB. */
export const BODY = JSON.stringify({
  model: 'gpt-4o',
  messages: [
    { role: 'system', content: 'You are an assistant of the claims department. Answer in two sentences.' },
    {
      role: 'user',
      content: 'The policy holder reports that water came through the ceiling of the kitchen. '.repeat(22),
    },
  ],
  temperature: 0.2,
  max_tokens: 400,
  stream: false,
})

/** Makes `calls` calls with `inFlight` of them open at all times. Any answer but 200 fails the benchmark. */
export async function load(subject: Subject, calls: number, inFlight: number): Promise<Run> {
  const pool = new Pool(subject.origin, { connections: inFlight, pipelining: 1 })
  const latencies = new Float64Array(calls)
  const headers = { 'content-type': 'application/json', ...subject.headers }
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < calls) {
      const index = next++
      const from = performance.now()
      const answer = await pool.request({ path: subject.path, method: 'POST', headers, body: BODY })
      const text = await answer.body.text()
      if (answer.statusCode !== 200 || !text.includes('chat.completion'))
        throw new Error(`${subject.name} answered ${answer.statusCode}: ${text.slice(0, 300)}`)
      latencies[index] = performance.now() - from
    }
  }
  const from = performance.now()
  await Promise.all(Array.from({ length: inFlight }, lane))
  const seconds = (performance.now() - from) / 1000
  await pool.close()
  return { calls, seconds, latencies }
}
