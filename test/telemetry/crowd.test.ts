import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { openScene } from './scene.ts'

/** Whoever can reach the admin port, and asks it for nothing, takes neither probes nor descriptors from the gateway. */

const CROWD = 256
const ALL = 400

test.each([
  ['say nothing', ''],
  ['begin a head and do not end it', 'GET /metrics HTTP/1.1\r\nhost: localhost\r\n'],
])('400 connections to the admin port that %s: the oldest are broken, and a probe is answered', async (_, said) => {
  // No time-out closes any of them in the time of this test.
  const scene = await openScene({
    config: { limits: { timeouts: { connection: '10m', headers: '10m', request: '10m' } } },
  })
  const { admin } = scene.post.customhouse
  const { hostname, port } = new URL(admin)
  const clients: Socket[] = []
  let closed = 0
  try {
    for (let turn = 0; turn < ALL; turn++) {
      const client = connect(Number(port), hostname)
      client.on('error', () => undefined)
      client.on('close', () => {
        closed += 1
      })
      await once(client, 'connect')
      clients.push(client)
      if (said !== '') client.write(said)
    }
    await expect.poll(() => closed, { timeout: 20_000 }).toBeGreaterThanOrEqual(ALL - CROWD)
    expect((await fetch(`${admin}/livez`)).status).toBe(200)
    expect((await fetch(`${admin}/metrics`)).status).toBe(200)
    expect(closed).toBeLessThan(ALL)
    expect(clients[0]?.destroyed).toBe(true)
    expect(clients.at(-1)?.destroyed).toBe(false)
  } finally {
    for (const client of clients) client.destroy()
    await scene.stop()
  }
})
