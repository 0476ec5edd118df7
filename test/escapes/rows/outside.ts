import { expect } from 'vitest'
import type { Json } from '../../../src/core/json.ts'
import { ANTHROPIC, CONVERSE, DIALECTS, type Door, OPENAI } from '../doors.ts'
import { denied, type Expected, type Row, rows, type Way } from '../row.ts'
import { NAMES, type Scene } from '../scene.ts'
import { startWorld } from '../world.ts'

type Members = Record<string, Json>

const OWN = { openai: 'openai-eu', mistral: 'mistral-own', anthropic: 'claude-own', bedrock: 'fra' }
const GATEWAYS = 'sk-of-the-gateway-itself'
const LABS = 'sk-of-the-lab-alone'

/** The door's provider has a credential of the lab's. */
const entrusted =
  (shared: boolean, expected: Expected, headers: Readonly<Record<string, string>> = {}) =>
  (door: Door): Way => ({
    sending: { headers },
    expected,
    act: async (scene, row) => {
      const secret = scene.put('lab', LABS)
      const code = await scene.push((config) => {
        const providers = config.providers as Record<string, Members>
        const { credential, ...rest } = providers[OWN[door.form]] ?? {}
        providers[OWN[door.form]] = {
          ...rest,
          ...(shared && credential !== undefined ? { credential } : {}),
          tenant_credentials: { lab: `\${file:${secret}}` },
        }
      })
      expect(code).toBeNull()
      try {
        return await scene.ask(row)
      } finally {
        await scene.restore()
      }
    },
  })

/** The proxy of the environment leads every tunnel to a host of its own that shows this certificate. */
const hijacked =
  (names: readonly string[], trusted: boolean) =>
  (door: Door): Way => ({
    expected: { kind: 'failed', record: 'call.attempt_failed', reached: false },
    act: (scene, row) => hijack(scene, row, OWN[door.form], names, trusted),
  })

let hijacks = 0

async function hijack(scene: Scene, row: Row, provider: string, names: readonly string[], trusted: boolean) {
  const thief = await startWorld(names)
  const before = process.env.HTTPS_PROXY
  process.env.HTTPS_PROXY = thief.proxy
  try {
    const ca = trusted ? scene.put('thief.pem', thief.ca) : null
    const code = await scene.push((config) => {
      const providers = config.providers as Record<string, Members>
      const own = providers[provider] ?? {}
      // A time of its own: connections through the true proxy are not used again.
      const timeouts = { ...Object(own.timeouts), connect: `${2000 + hijacks++}ms` }
      providers[provider] = { ...own, timeouts, ...(ca === null ? {} : { tls: { ca } }) }
    })
    expect(code).toBeNull()
    const heard = await scene.ask(row)
    expect(thief.connected.length, 'the tunnel was led astray').toBeGreaterThan(0)
    expect(thief.arrivals, 'nothing was told to the thief').toEqual([])
    return heard
  } finally {
    process.env.HTTPS_PROXY = before
    await scene.restore()
    await thief.close()
  }
}

/** Credentials that are another's, and proxies that lead elsewhere. */
export const OUTSIDE = [
  ...rows('credential of another tenant', DIALECTS, {
    'at a provider that has one of the gateway too': entrusted(true, { kind: 'kept', lacks: [LABS], has: [GATEWAYS] }),
    'at a provider that has no other': entrusted(false, denied('base/no-credential')),
    'at a provider that has no other, asked for in headers': entrusted(false, denied('base/no-credential'), {
      'x-customhouse-tenant': 'lab',
      'openai-organization': 'lab',
    }),
  }),
  ...rows('proxy that hijacks', [OPENAI, ANTHROPIC, CONVERSE], {
    'with the right name, by nobody': hijacked(NAMES, false),
    'with the name of America, by whom the gateway trusts': hijacked(['us.api.openai.com'], true),
  }),
]
