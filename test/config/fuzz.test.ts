import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { loadConfig } from '../../src/config.ts'
import { CustomhouseError } from '../../src/core/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'customhouse-fuzz-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const FILE = join(folder, 'customhouse.yaml')
const ENV = { OPENAI_API_KEY: 'a-value-that-nobody-may-see' }
const WHOLE = readFileSync(resolve(import.meta.dirname, 'golden/33-everything-at-once/customhouse.yaml'))

/** Every outcome but two would be a fault of ours: accepted, or refused with lines that each have a place. */
async function outcome(bytes: Uint8Array | string): Promise<'accepted' | 'refused'> {
  writeFileSync(FILE, bytes)
  try {
    await loadConfig(FILE, ENV)
    return 'accepted'
  } catch (error) {
    if (!(error instanceof CustomhouseError) || error.code !== 'ERR_CONFIG_INVALID') throw error
    const lines = error.detail.errors
    expect(Array.isArray(lines) && lines.length > 0).toBe(true)
    for (const line of Array.isArray(lines) ? lines : [])
      expect(line).toMatch(/customhouse\.yaml:[1-9]\d*:[1-9]\d* {2}\S/)
    expect(error.message).not.toContain(ENV.OPENAI_API_KEY)
    return 'refused'
  }
}

const judged = async (bytes: Uint8Array | string): Promise<void> => void (await outcome(bytes))

describe('any file is accepted or refused in words', () => {
  it('random bytes', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), judged))
  })

  it('a configuration with a piece taken out or put in', async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.constantFrom(...'{}[]:,&*!|>\'"%@#\n\t-?').map((c) => Buffer.from(c)),
    )
    await fc.assert(
      fc.asyncProperty(fc.nat(WHOLE.length), fc.nat(40), piece, (at, length, bytes) =>
        judged(Buffer.concat([WHOLE.subarray(0, at), bytes, WHOLE.subarray(at + length)])),
      ),
      { numRuns: 400 },
    )
  })

  it('any YAML value in any section', async () => {
    const section = fc.constantFrom(
      'version',
      'environment',
      'listen',
      'state',
      'keys',
      'policy',
      'reload',
      'controls',
      'tenants',
      'identity',
      'providers',
      'models',
      'audit',
      'limits',
      'drain',
      'log',
      '__proto__',
      'constructor',
    )
    await fc.assert(
      fc.asyncProperty(fc.dictionary(section, fc.jsonValue({ maxDepth: 4 })), (value) => judged(stringify(value))),
      { numRuns: 400 },
    )
  })

  it('any value at any place of a right one, which is accepted', async () => {
    const right = () => ({
      version: 1,
      listen: { data: '127.0.0.1:0', admin: '127.0.0.1:0' },
      tenants: { claims: {} },
      providers: {
        eu: {
          kind: 'openai',
          base_url: 'https://eu.example/v1',
          residency: { endpoint: ['DE'], processing: ['DE'], storage: [] },
        },
      },
      models: { auto: { routes: [{ provider: 'eu', model: 'm' }] } },
      limits: { body: '4MiB', timeouts: { idle: '30s' } },
    })
    expect(await outcome(stringify(right()))).toBe('accepted')
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(5), { minLength: 1, maxLength: 5 }),
        fc.jsonValue({ maxDepth: 2 }),
        (steps, value) => {
          const root: unknown = right()
          let at: unknown = root
          for (const [depth, step] of steps.entries()) {
            if (typeof at !== 'object' || at === null) break
            const names = Object.keys(at)
            const name = names[step % Math.max(1, names.length)]
            if (name === undefined) break
            const map = at as Record<string, unknown>
            const below = map[name]
            if (depth === steps.length - 1 || typeof below !== 'object') map[name] = value
            at = below
          }
          return judged(stringify(root))
        },
      ),
      { numRuns: 400 },
    )
  })
})
