import { afterEach, describe, expect, it } from 'vitest'
import { ApartPool } from '../../plugins/redaction/apart/pool.ts'
import type { Job, WorkerSetup } from '../../plugins/redaction/apart/protocol.ts'
import { work } from '../../plugins/redaction/apart/work.ts'
import { NO_CUSTOM } from '../../plugins/redaction/custom/index.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'

const hints = { key: null, role: 'user', channel: 'text' } as const
const find = (text: string): Job => ({
  kind: 'find',
  tenant: 'claims',
  texts: [{ text, json: false, hints }],
  seeds: [],
})
const never = new AbortController().signal

const pools: ApartPool[] = []
function pool(setup: WorkerSetup = { custom: null, tagger: false }): ApartPool {
  const made = new ApartPool(setup, 1)
  pools.push(made)
  return made
}
afterEach(async () => {
  await Promise.all(pools.splice(0).map((one) => one.close()))
})

/** Enough text to keep a thread busy until it is ended. */
const LONG = find('Card 4111 1111 1111 1111, mail anna@example.org. '.repeat(100_000))

describe('threads for long texts', () => {
  it('find what is found without them', async () => {
    const job = find('Card 4111 1111 1111 1111, mail anna@example.org, again anna@example.org.')
    const here = work(job, { custom: NO_CUSTOM, tagger: null, tenant: 'claims' })
    expect(here.all[0]?.length).toBeGreaterThan(1)
    expect(await pool().run(job, never)).toEqual(here)
  })

  it('a job that nobody waits for is ended, in the thread too, and the next is done', async () => {
    const threads = pool()
    const gone = new AbortController()
    const lost = threads.run(LONG, gone.signal)
    const next = threads.run(find('anna@example.org'), never)
    gone.abort(new Error('too late'))
    await expect(lost).rejects.toThrow('too late')
    expect((await next).own[0]).toHaveLength(1)
  })

  it('a thread that cannot start takes the job it was started for with it, and is not started for ever', async () => {
    const threads = pool({ custom: { org: { redaction: { entities: 'none of ours' } } }, tagger: false })
    const lost = await Promise.allSettled([threads.run(find('x'), never), threads.run(find('y'), never)])
    expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await expect.poll(() => threads.threads).toBe(0)
  })

  it('a text that a thread has no memory for is not given to it', async () => {
    const huge = find('x'.repeat(17 * 1024 * 1024))
    await expect(pool().run(huge, never)).rejects.toSatisfy((error) => isCustomhouseError(error, 'ERR_CALL_TOO_LARGE'))
  })

  it('beyond what may wait a job is refused at once', async () => {
    const threads = pool()
    const gone = new AbortController()
    const waiting = Array.from({ length: 32 }, () => threads.run(LONG, gone.signal))
    await expect(threads.run(find('one more'), never)).rejects.toSatisfy((error) =>
      isCustomhouseError(error, 'ERR_GATEWAY_OVERLOADED'),
    )
    gone.abort(new Error('enough'))
    const ended = await Promise.allSettled(waiting)
    expect(ended.every(({ status }) => status === 'rejected')).toBe(true)
    expect((await threads.run(find('anna@example.org'), never)).own[0]).toHaveLength(1)
  })

  it('a closed pool refuses what waits and what comes', async () => {
    const threads = pool()
    const waiting = threads.run(LONG, never)
    const closed = threads.close()
    await expect(waiting).rejects.toThrow('was closed')
    await closed
    await expect(threads.run(find('x'), never)).rejects.toThrow('is closed')
  })
})
