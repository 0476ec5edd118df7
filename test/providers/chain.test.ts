import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { Answer, Provider } from '../../src/core/port.ts'
import { createBedrock } from '../../src/providers/bedrock.ts'
import { hangUp, type Recorder, type Script, silence, startRecorder, whole } from '../kit/index.ts'
import { dispatch, TEXT } from './setup.ts'

/** AWS's own chain, against an endpoint as containers have it: what is asked, how often, and what becomes of its failures. */

const before = { ...process.env }
const folder = mkdtempSync(join(tmpdir(), 'customhouse-aws-'))
const profile = join(folder, 'credentials')
let endpoint: Recorder
let upstream: Recorder
let provider: Provider

beforeAll(async () => {
  endpoint = await startRecorder({ answer: () => hangUp })
  upstream = await startRecorder({ answer: () => whole(TEXT) })
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
  Object.assign(process.env, {
    AWS_SHARED_CREDENTIALS_FILE: profile,
    AWS_CONFIG_FILE: join(folder, 'config'),
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoint.url}/role`,
  })
})
afterAll(async () => {
  process.env = before
  rmSync(folder, { recursive: true })
  await endpoint.close()
  await upstream.close()
})
beforeEach(() => {
  provider = createBedrock({
    name: 'bedrock-eu',
    baseUrl: upstream.url,
    credential: null,
    timeouts: { connectMs: 1000, firstByteMs: 700, idleMs: 1000 },
    maxSockets: 64,
    region: 'eu-central-1',
    aws: true,
  })
})
afterEach(async () => {
  vi.useRealTimers()
  await provider.close()
})

const KEY = 'wJalrXUtnFEMI-the-secret-of-the-role'
const MINUTE = 60_000
const role = (id: string, forMs = 60 * MINUTE): Script =>
  whole({
    AccessKeyId: id,
    SecretAccessKey: KEY,
    Token: 'IQoJ-token',
    Expiration: new Date(Date.now() + forMs).toISOString(),
  })
const open = (signal = new AbortController().signal): Promise<Answer> =>
  provider.open(
    {
      ...dispatch(upstream.url),
      url: `${upstream.url}/model/m/converse`,
      headers: { 'content-type': 'application/json' },
    },
    signal,
  )
/** Id of the key that signed the call. */
async function ask(): Promise<string | undefined> {
  const answer = await open()
  await answer.body.whole(1e6)
  return /Credential=(\w+)\//.exec(upstream.requests.at(-1)?.header('authorization') ?? '')?.[1]
}
async function failure(opening: Promise<unknown>): Promise<string> {
  const error: unknown = await opening.catch((raised: unknown) => raised)
  expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/wJalrXUtnFEMI|IQoJ|127\.0\.0\.1|credentials"/)
  expect(error).toMatchObject({ code: 'ERR_PROVIDER_UNREACHABLE' })
  expect(error).not.toHaveProperty('cause')
  expect(String(error)).toContain('bedrock-eu')
  return inspect(error).match(/reason: '(\w+)'/)?.[1] ?? ''
}
const asked = () => endpoint.requests.length

test('is asked once for all calls that wait, and not again while its answer is good', async () => {
  endpoint.script(() => [{ waitMs: 50 }, ...role('ASIAONE')])
  const from = asked()
  const ids = await Promise.all(Array.from({ length: 40 }, ask))
  expect(new Set(ids)).toEqual(new Set(['ASIAONE']))
  expect(await ask()).toBe('ASIAONE')
  expect(asked() - from).toBe(1)
})

test('is asked again before its answer expires, while the old one serves on, even if that fails', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  endpoint.script(() => role('ASIAONE'))
  const from = asked()
  expect(await ask()).toBe('ASIAONE')
  vi.setSystemTime(Date.now() + 56 * MINUTE)
  endpoint.script(() => whole('no', { status: 500 }))
  expect(await ask()).toBe('ASIAONE')
  await endpoint.waitFor(from + 2)
  endpoint.script(() => role('ASIATWO'))
  const later = () => {
    vi.setSystemTime(Date.now() + 12_000)
    return ask()
  }
  await expect.poll(later, { interval: 200, timeout: 5000 }).toBe('ASIATWO')
})

test('what has expired is never signed with', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  endpoint.script(() => role('ASIAONE'))
  expect(await ask()).toBe('ASIAONE')
  vi.setSystemTime(Date.now() + 60 * MINUTE)
  endpoint.script(() => hangUp)
  const sent = upstream.requests.length
  expect(await failure(open())).toBe('AWS_TIMEOUT')
  expect(upstream.requests).toHaveLength(sent)
  endpoint.script(() => role('ASIATWO'))
  expect(await ask()).toBe('ASIATWO')
})

/** AWS's client repeats a question three times, a second apart: longer than these calls may wait. */
test.each<[string, () => Script, string]>([
  ['hangs up', () => hangUp, 'AWS_TIMEOUT'],
  ['is silent', () => silence, 'AWS_TIMEOUT'],
  ['fails', () => whole({ message: `not for ${KEY}` }, { status: 403 }), 'AWS_TIMEOUT'],
  ['answers what is no JSON', () => whole(`<${KEY}>`), 'AWS_TIMEOUT'],
  ['lacks a member', () => whole({ AccessKeyId: 'ASIAONE', SecretAccessKey: KEY }), 'AWS_TIMEOUT'],
  ['gives what has expired', () => role('ASIAOLD', -MINUTE), 'AWS_EXPIRED'],
  [
    'gives a key id that is none',
    () => whole({ AccessKeyId: 'a, b', SecretAccessKey: KEY, Token: 't', Expiration: new Date(Date.now() + MINUTE) }),
    'AWS_MALFORMED',
  ],
  [
    'gives a token with a line break',
    () =>
      whole({
        AccessKeyId: 'a',
        SecretAccessKey: KEY,
        Token: 'IQoJ\r\nx: y',
        Expiration: new Date(Date.now() + MINUTE),
      }),
    'AWS_MALFORMED',
  ],
])(
  'a chain that %s: nothing is sent, and the next call asks anew',
  async (_, script, reason) => {
    endpoint.script(script)
    const sent = upstream.requests.length
    expect(await failure(open())).toBe(reason)
    expect(upstream.requests).toHaveLength(sent)
    endpoint.script(() => role('ASIATWO'))
    expect(await ask()).toBe('ASIATWO')
  },
  20_000,
)

test('a machine without any credential is told so at once', async () => {
  const uri = process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI
  delete process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI
  const sent = upstream.requests.length
  expect(await failure(open())).toBe('AWS_CHAIN')
  expect(upstream.requests).toHaveLength(sent)
  process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI = uri
})

test('a call that was given up before asks nothing', async () => {
  const from = asked()
  expect(await failure(open(AbortSignal.abort()))).toBe('ABORTED')
  expect(asked()).toBe(from)
})

test('a call that waits for it can be given up; the others get their answer', async () => {
  const go = Promise.withResolvers<void>()
  endpoint.script(() => [{ until: go.promise }, ...role('ASIAONE')])
  const abort = new AbortController()
  const from = asked()
  const [given, other] = [open(abort.signal), ask()]
  await endpoint.waitFor(from + 1)
  abort.abort()
  expect(await failure(given)).toBe('ABORTED')
  go.resolve()
  expect(await other).toBe('ASIAONE')
  expect(asked() - from).toBe(1)
})

test('keys of a profile that were rotated take effect within minutes', async () => {
  const write = (id: string) =>
    writeFileSync(profile, `[default]\naws_access_key_id = ${id}\naws_secret_access_key = ${KEY}\n`)
  vi.useFakeTimers({ toFake: ['Date'] })
  write('AKIAONE')
  expect(await ask()).toBe('AKIAONE')
  write('AKIATWO')
  expect(await ask()).toBe('AKIAONE')
  vi.setSystemTime(Date.now() + 6 * MINUTE)
  await expect.poll(ask).toBe('AKIATWO')
  rmSync(profile)
})

test('nothing of AWS is loaded before a call needs it', () => {
  const script = `
    import { createRequire } from 'node:module'
    const { Providers } = await import('./src/compose/providers.ts')
    const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((file) => /[\\\\/]@(?:aws-sdk|smithy)[\\\\/]/.test(file)).length
    const config = (kind, credential) => ({
      kind, baseUrl: 'http://127.0.0.1:9', region: kind === 'bedrock' ? 'eu-central-1' : null, residency: 'x/y',
      credential, awsChain: kind === 'bedrock', tenantCredentials: null, tls: { ca: null, cert: null, key: null }, proxy: 'none',
      contract: [], allowCleartext: false, timeouts: { connectMs: 100, firstByteMs: 5000, idleMs: 100, totalMs: 100 },
    })
    const providers = new Providers(() => undefined)
    const call = async (name, kind, path) => {
      const one = config(kind, null)
      providers.activate(new Map([[name, one]]))
      const url = 'http://127.0.0.1:9' + path
      await providers.get(name, one).open({ tenant: 't', method: 'POST', url, headers: {}, body: Buffer.from('{}') }, new AbortController().signal).catch(() => undefined)
      return loaded()
    }
    console.log(JSON.stringify([await call('a', 'openai', '/x'), await call('b', 'anthropic', '/x'), await call('c', 'bedrock', '/model/m/converse') > 0]))
    await providers.close()
  `
  const env = { ...process.env, AWS_ACCESS_KEY_ID: 'AKIAONE', AWS_SECRET_ACCESS_KEY: KEY }
  const root = join(import.meta.dirname, '../..')
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    env,
    encoding: 'utf8',
  })
  expect(JSON.parse(told)).toEqual([0, 0, true])
})
