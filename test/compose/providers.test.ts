import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { Providers } from '../../src/compose/providers.ts'
import { makeSecret, type ProviderConfig } from '../../src/config.ts'
import type { Provider } from '../../src/core/port.ts'
import { startHouse } from '../house.ts'
import { openaiAnswer, type Recorder, type RecorderOptions, selfSigned, startRecorder, whole } from '../kit/index.ts'
import { CASES, probePolicies } from '../probe.ts'
import { startProxy } from '../providers/connect-proxy.ts'
import { KINDS } from '../providers/kinds.ts'
import { dispatch } from '../providers/setup.ts'

/** The wiring of providers: a kind each, credentials by tenant, certificates and proxies over reloads. */

const undo: (() => Promise<unknown> | undefined)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function upstream(tls?: RecorderOptions['tls']): Promise<Recorder> {
  const answer = () => whole(openaiAnswer({ texts: ['fine'] }))
  const recorder = await startRecorder(tls === undefined ? { answer } : { answer, tls })
  undo.push(() => recorder.close())
  return recorder
}

function providersOf(env: Readonly<Record<string, string>> = {}): Providers {
  const providers = new Providers((_, error) => {
    throw error
  }, env)
  undo.push(() => providers.close())
  return providers
}

function config(changes: Partial<ProviderConfig> & Pick<ProviderConfig, 'baseUrl'>): ProviderConfig {
  return {
    kind: 'openai',
    region: changes.kind === 'bedrock' ? 'eu-central-1' : null,
    residency: 'openai/eu',
    project: null,
    credential: null,
    awsChain: false,
    tenantCredentials: null,
    tls: { ca: null, cert: null, key: null },
    proxy: 'none',
    contract: [],
    allowCleartext: false,
    timeouts: { connectMs: 1000, firstByteMs: 2000, idleMs: 2000, totalMs: 100 },
    ...changes,
  }
}

const secret = (name: string, value: string) => makeSecret(`\${env:${name}}`, value)
const tenants = (of: Readonly<Record<string, string>>) =>
  new Map(Object.entries(of).map(([tenant, value]) => [tenant, secret(tenant.toUpperCase(), value)]))

async function call(provider: Provider, tenant = 'claims', path = '/chat/completions'): Promise<number> {
  const url = provider.address({ path, headers: {}, body: Buffer.of() })
  const answer = await provider.open({ ...dispatch(''), tenant, url }, new AbortController().signal)
  await answer.body.whole(1e6)
  return answer.status
}

function activated(providers: Providers, one: ProviderConfig): Provider {
  const provider = providers.get('one', one)
  providers.activate(new Map([['one', one]]))
  return provider
}

describe('a provider of a configuration', () => {
  test.each(KINDS.map((kind) => [kind.kind, kind] as const))('%s is made by its kind', async (name, kind) => {
    const { url, requests } = await upstream()
    const providers = providersOf()
    const baseUrl = `${url}${kind.prefix}`
    const provider = activated(
      providers,
      config({ kind: name, baseUrl, credential: secret('KEY', 'sk-very-secret-1234') }),
    )
    expect(await call(provider, 'claims', kind.path)).toBe(200)
    expect(requests[0]?.head.toString('latin1')).toContain(`\r\n${kind.proof}\r\n`)
    expect(inspect(providers, { depth: 9, showHidden: true })).not.toContain('sk-very-secret-1234')
  })

  test("a tenant's own credential goes before the one for all; nobody is given another's", async () => {
    const { url, requests } = await upstream()
    const own = tenants({ claims: 'key-claims', life: 'key-life' })
    const provider = activated(
      providersOf(),
      config({ baseUrl: url, credential: secret('ALL', 'key-all'), tenantCredentials: own }),
    )
    for (const tenant of ['claims', 'life', 'motor', 'claims', '__proto__', 'constructor']) await call(provider, tenant)
    expect(requests.map((request) => request.header('authorization'))).toEqual(
      ['claims', 'life', 'all', 'claims', 'all', 'all'].map((key) => `Bearer key-${key}`),
    )
  })

  test('without one for all, a tenant that has none is refused, and nothing is sent', async () => {
    const { url, requests } = await upstream()
    const provider = activated(
      providersOf(),
      config({ baseUrl: url, tenantCredentials: tenants({ claims: 'key-claims' }) }),
    )
    expect(await call(provider, 'claims')).toBe(200)
    for (const tenant of ['life', '', 'constructor']) {
      await expect(call(provider, tenant)).rejects.toMatchObject({ code: 'ERR_GATEWAY_INTERNAL' })
    }
    expect(requests).toHaveLength(1)
  })

  test('credentials that were rotated take effect at the next call, on the same connection', async () => {
    const { url, requests, accepted } = await upstream()
    const providers = providersOf()
    const with_ = (all: string, claims: string) =>
      config({ baseUrl: url, credential: secret('ALL', all), tenantCredentials: tenants({ claims }) })
    const provider = activated(providers, with_('all-1', 'claims-1'))
    await call(provider, 'claims')
    await call(provider, 'life')
    const next = with_('all-2', 'claims-2')
    // Until it is activated, a generation that is being made changes nothing.
    expect(providers.get('one', next)).toBe(provider)
    await call(provider, 'claims')
    providers.activate(new Map([['one', next]]))
    await call(provider, 'claims')
    await call(provider, 'life')
    expect(requests.map((request) => request.header('authorization')?.slice(7))).toEqual([
      'claims-1',
      'all-1',
      'claims-1',
      'claims-2',
      'all-2',
    ])
    expect(accepted()).toBeLessThanOrEqual(2)
  })

  test('of two configurations that differ, each has connections and credentials of its own', async () => {
    const { url } = await upstream()
    const providers = providersOf()
    const base = config({ baseUrl: url })
    const all: readonly ProviderConfig[] = [
      base,
      { ...base, kind: 'mistral' },
      { ...base, kind: 'bedrock', region: 'eu-central-1' },
      { ...base, kind: 'bedrock', region: 'eu-west-1' },
      { ...base, kind: 'bedrock', region: 'eu-west-1', awsChain: true },
      { ...base, credential: secret('A', 'a') },
      { ...base, credential: secret('B', 'a') },
      { ...base, tenantCredentials: tenants({ claims: 'a' }) },
      { ...base, tenantCredentials: tenants({ life: 'a' }) },
      { ...base, tenantCredentials: new Map() },
      { ...base, proxy: 'env' },
      { ...base, timeouts: { ...base.timeouts, idleMs: 1 } },
    ]
    expect(new Set(all.map((one) => providers.get('one', one))).size).toBe(all.length)
    expect(providers.get('two', base)).not.toBe(providers.get('one', base))
    expect(providers.get('one', { ...base, contract: ['baa'] })).toBe(providers.get('one', base))
  })

  test('`proxy: env` goes by way of the proxy that the environment names', async () => {
    const tls = selfSigned(['localhost'])
    const folder = mkdtempSync(join(tmpdir(), 'customhouse-proxy-'))
    undo.push(async () => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'ca.pem'), tls.cert)
    const { url, requests } = await upstream(tls)
    const proxy = await startProxy()
    undo.push(() => proxy.close())
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }
    const trusting = { ca: join(folder, 'ca.pem'), cert: null, key: null }
    for (const [way, heads] of [
      ['none', 0],
      ['env', 1],
    ] as const) {
      const provider = activated(providersOf(env), config({ baseUrl: url, tls: trusting, proxy: way }))
      expect(await call(provider)).toBe(200)
      expect(proxy.heads).toHaveLength(heads)
    }
    expect(requests).toHaveLength(2)
    const broken = providersOf({ HTTPS_PROXY: 'ann:secret@proxy' })
    expect(() => broken.get('one', config({ baseUrl: url, proxy: 'env' }))).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_INVALID', message: expect.not.stringContaining('secret') }),
    )
  })

  test('a provider that was leaving stays when a configuration that has it again is being made', async () => {
    const { url, accepted } = await upstream()
    const providers = providersOf()
    const [first, other] = [config({ baseUrl: url }), config({ baseUrl: `${url}/other` })]
    const provider = activated(providers, first)
    expect(await call(provider)).toBe(200)
    activated(providers, other)
    // The canaries of the new generation take longer than the provider has left.
    const again = { ...first }
    expect(providers.get('one', again)).toBe(provider)
    await sleep(2 * first.timeouts.totalMs)
    providers.activate(new Map([['one', again]]))
    expect(await call(provider)).toBe(200)
    expect(accepted()).toBe(1)
    // Where that generation comes to nothing, the provider leaves with the next one that lacks it.
    activated(providers, other)
    expect(providers.get('one', again)).toBe(provider)
    activated(providers, other)
    await expect
      .poll(() => call(provider).catch((error: unknown) => error))
      .toMatchObject({
        code: 'ERR_PROVIDER_UNREACHABLE',
      })
    expect(providers.get('one', again)).not.toBe(provider)
  })

  test('certificates are those of the moment when the generation was made, whatever the files hold later', async () => {
    const [one, two] = [selfSigned(['localhost']), selfSigned(['localhost'])]
    const folder = mkdtempSync(join(tmpdir(), 'customhouse-ca-'))
    undo.push(async () => rmSync(folder, { recursive: true }))
    const ca = join(folder, 'ca.pem')
    writeFileSync(ca, one.cert)
    const { url } = await upstream(one)
    const providers = providersOf()
    const first = config({ baseUrl: url, tls: { ca, cert: null, key: null } })
    const provider = providers.get('one', first)
    // The file changes, and goes, before the generation is activated.
    writeFileSync(ca, two.cert)
    rmSync(ca)
    providers.activate(new Map([['one', first]]))
    expect(await call(provider)).toBe(200)
    expect(() => providers.get('one', { ...first })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_INVALID', message: expect.stringContaining(ca) }),
    )
    expect(await call(provider)).toBe(200)
    writeFileSync(ca, two.cert)
    const second = { ...first }
    const other = activated(providers, second)
    expect(other).not.toBe(provider)
    await expect(call(other)).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNREACHABLE' })
    writeFileSync(ca, one.cert)
    expect(await call(activated(providers, { ...first }))).toBe(200)
  })
})

test('a gateway: a file that cannot serve stops the start; at a reload the last good one stays; a new one takes effect', async () => {
  const [served, another] = [selfSigned(['localhost']), selfSigned(['localhost'])]
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-tls-'))
  undo.push(async () => rmSync(folder, { recursive: true }))
  const ca = join(folder, 'ca.pem')
  writeFileSync(ca, served.cert)
  const { url } = await upstream(served)
  const probed = probePolicies(CASES)
  const main = (probed['main.rego'] ?? '').replace(/obligations: \[probe[^\]]*\]/, 'obligations: [stream.hold]')
  const residency = { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] }
  const providers = (file: string) => ({ one: { kind: 'openai', base_url: `${url}/v1`, residency, tls: { ca: file } } })
  const options = (file: string) => ({
    providers: { one: { url: `${url}/v1` } },
    policies: { ...probed, 'main.rego': main },
    config: { reload: { every: '1h' }, providers: providers(file) },
  })
  const absent = join(folder, 'absent.pem')
  await expect(startHouse(options(absent))).rejects.toMatchObject({
    code: 'ERR_CONFIG_INVALID',
    message: expect.stringContaining(absent),
  })
  const house = await startHouse(options(ca))
  undo.push(() => house.stop())
  const ask = async (): Promise<number> => {
    const answer = await fetch(`${house.baseURL}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }),
    })
    await answer.text()
    return answer.status
  }
  expect(await ask()).toBe(200)
  for (const text of ['no certificate', null]) {
    if (text === null) rmSync(ca)
    else writeFileSync(ca, text)
    const report = await house.customhouse.reload()
    expect(report).toMatchObject({ activated: false, error: { code: 'ERR_CONFIG_INVALID' } })
    expect(await ask()).toBe(200)
  }
  writeFileSync(ca, another.cert)
  expect(await house.customhouse.reload()).toMatchObject({ activated: true })
  expect(await ask()).toBe(502)
  writeFileSync(ca, served.cert)
  expect(await house.customhouse.reload()).toMatchObject({ activated: true })
  expect(await ask()).toBe(200)
  expect(readFileSync(house.config, 'utf8')).toContain(ca)
}, 60_000)
