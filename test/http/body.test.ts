import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { readBody } from '../../src/http/body.ts'
import { BodyBudget } from '../../src/http/budget.ts'
import { Uploads } from '../../src/http/uploads.ts'
import { type Raw, raw } from './raw.ts'

/** Bodies as they come off a socket, however they are cut, and what they may take. */

const LIMIT = 2_000_000
let server: Server
let url: string
let budget: BodyBudget
let peak: number
/** Bodies that were read stay until this is called, as those of open calls do. */
let release: (() => void)[]

beforeEach(async () => {
  budget = new BodyBudget(4_000_000)
  peak = 0
  release = []
  server = createServer(async (request, response) => {
    const tenant = request.headers['x-tenant']
    const watch = setInterval(() => {
      peak = Math.max(peak, memory())
    }, 10)
    try {
      const hold = budget.hold(String(tenant))
      const body = await readBody(request, LIMIT, hold, new Uploads())
      release.push(() => hold.release())
      response.end(`${body.length} ${createHash('sha256').update(body).digest('hex')}`)
    } catch (error) {
      response.end(isCustomhouseError(error) ? error.code : String(error))
    } finally {
      clearInterval(watch)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const memory = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external
const head = (fields: string, tenant = 'a'): string =>
  `POST / HTTP/1.1\r\nhost: x\r\nx-tenant: ${tenant}\r\n${fields}\r\n\r\n`
const chunk = (bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A client of a tenant that promises `declared` bytes (null: chunked) and sends `sent` of them. */
async function sender(tenant: string, declared: number | null, sent: number): Promise<Raw> {
  const client = await raw(url)
  client.send(head(declared === null ? 'transfer-encoding: chunked' : `content-length: ${declared}`, tenant))
  if (sent > 0) client.send(declared === null ? chunk(Buffer.alloc(sent, 'x')) : Buffer.alloc(sent, 'x'))
  return client
}

test('whole, in pieces and in chunks of any size: the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 9_000 }), { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      async (pieces, chunked) => {
        const whole = Buffer.concat(pieces)
        const client = await raw(url)
        client.send(head(chunked ? 'transfer-encoding: chunked' : `content-length: ${whole.length}`))
        for (const piece of pieces) {
          client.send(chunked ? chunk(piece) : piece)
          if (piece.length % 3 === 0) await sleep(1)
        }
        if (chunked) client.send('0\r\n\r\n')
        await client.until(`${whole.length} ${hash(whole)}`)
        client.socket.destroy()
        for (const free of release.splice(0)) free()
        expect(budget.taken).toBe(0)
      },
    ),
    { numRuns: 30 },
  )
})

test('an empty body is one', async () => {
  const client = await raw(url)
  client.send(head('content-length: 0'))
  await client.until(`0 ${hash(Buffer.alloc(0))}`)
})

test('two million chunks of one byte take memory for two million bytes', async () => {
  const count = 1_900_000
  const before = memory()
  const client = await raw(url)
  client.send(head('transfer-encoding: chunked'))
  client.send('1\r\nx\r\n'.repeat(count))
  client.send('0\r\n\r\n')
  await client.until(`${count} ${hash(Buffer.alloc(count, 'x'))}`, 20_000)
  // Measured: 9 MB; with a Buffer for each 398.
  expect(peak - before).toBeLessThan(150_000_000)
}, 30_000)

describe('the budget', () => {
  test('what is promised takes nothing; what arrives does, and gives it back when the client goes', async () => {
    const idle = await Promise.all(Array.from({ length: 20 }, () => sender('a', LIMIT, 0)))
    await sleep(50)
    expect(budget.taken).toBe(0)
    const [first] = idle
    first?.send('x'.repeat(1_000))
    await expect.poll(() => budget.taken).toBe(1_000)
    for (const client of idle) client.socket.resetAndDestroy()
    await expect.poll(() => budget.taken).toBe(0)
  })

  test.each([
    ['declared', LIMIT],
    ['chunked', null],
  ])('%s: one tenant gets half, all together get it all, each byte comes back', async (_, declared) => {
    const mine = await sender('a', declared, 1_500_000)
    await expect.poll(() => budget.taken).toBe(1_500_000)
    const more = await sender('a', declared, 600_000)
    await more.until('ERR_GATEWAY_OVERLOADED')
    expect(budget.taken).toBe(1_500_000)
    const other = await sender('b', declared, 1_900_000)
    await expect.poll(() => budget.taken).toBe(3_400_000)
    const third = await sender('c', declared, 700_000)
    await third.until('ERR_GATEWAY_OVERLOADED')
    expect(budget.taken).toBe(3_400_000)
    const small = await sender('a', declared, 400_000)
    await expect.poll(() => budget.taken).toBe(3_800_000)
    for (const client of [mine, more, other, third, small]) client.socket.resetAndDestroy()
    await expect.poll(() => budget.taken).toBe(0)
    // Free again, for the same tenant.
    const again = await sender('a', 1_900_000, 1_900_000)
    await again.until('1900000 ')
    expect(budget.taken).toBe(1_900_000)
    again.socket.destroy()
    await sleep(30)
    // A call that goes on without its client still holds its body.
    expect(budget.taken).toBe(1_900_000)
    for (const free of release) free()
    expect(budget.taken).toBe(0)
  })

  test('a body beyond the limit is refused and takes nothing', async () => {
    const declared = await sender('a', LIMIT + 1, 0)
    await declared.until('ERR_CALL_TOO_LARGE')
    const chunked = await sender('a', null, LIMIT + 1)
    await chunked.until('ERR_CALL_TOO_LARGE')
    expect(budget.taken).toBe(0)
  })

  test('a tenant can always make the largest call', () => {
    const tight = new BodyBudget(1_000, 800)
    tight.take(800, 'a')
    expect(() => tight.take(1, 'a')).toThrow(/this tenant/)
    tight.take(200, 'b')
    expect(() => tight.take(1, 'b')).toThrow(/other calls/)
  })
  test('callers that are only claimed have an eighth together, and a sentence of their own; once proved it is the tenant that holds it', () => {
    const shared = new BodyBudget(1_600, 100)
    const claimed = shared.hold(null)
    claimed.take(150)
    const more = shared.hold(null)
    expect(() => more.take(51)).toThrow(/proved by their body alone.*x-amz-content-sha256/)
    claimed.moveTo('a')
    // The eighth is free again, and the tenant has what it holds to its name.
    more.take(200)
    expect(() => shared.take(651, 'a')).toThrow(/this tenant/)
    shared.take(601, 'a')
    // Where the tenant has no room nothing is changed.
    expect(() => more.moveTo('a')).toThrow(/this tenant/)
    expect(() => shared.hold(null).take(1)).toThrow(/body alone/)
    expect(shared.taken).toBe(951)
    for (const hold of [claimed, more, claimed]) hold.release()
    expect(shared.taken).toBe(601)
    shared.take(199, 'a')
    expect(() => new BodyBudget(1_600, 300).take(300, null)).not.toThrow()
  })
})
