import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { CONFIG_VARIABLE, OVERRIDES } from '../../src/config/override.ts'
import { loadConfig } from '../../src/config.ts'
import { ROOT } from './source.ts'

/** docker-compose.yml against the specification's own schema, and what no schema can say. */

const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')
const file = parse(text, { merge: true })
const services = Object.entries<Record<string, unknown>>(file.services)
const ajv = new Ajv({ strict: false, allErrors: true })
for (const format of ['duration', 'ports', 'expose', 'subnet_ip_address']) ajv.addFormat(format, true)
const valid = ajv.compile(JSON.parse(readFileSync(join(ROOT, 'test/packaging/compose.schema.json'), 'utf8')))

test('docker-compose.yml is what the compose specification says; a key that is none is refused', () => {
  expect(valid(file), JSON.stringify(valid.errors)).toBe(true)
  expect(valid({ ...file, services: { gateway: { image: 'a', retrys: 1 } } })).toBe(false)
})

test.each(services)('%s: pinned, unprivileged, read-only, published on loopback only', (_, service) => {
  expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] })
  expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  expect(service.image).toMatch(/:v?\d+\.\d+\.\d+(-[a-z]+)?$/)
  expect([service.ports ?? []].flat().filter((port) => !String(port).startsWith('127.0.0.1:'))).toEqual([])
})

test('every file that it mounts is there, every variable is one that is read, and nothing is interpolated', () => {
  const mounts = services.flatMap(([, { volumes = [] }]) => [volumes].flat().map(String))
  const files = mounts.filter((mount) => mount.startsWith('./')).map((mount) => mount.split(':')[0] ?? '')
  expect(files.length).toBeGreaterThan(5)
  expect(files.filter((name) => !existsSync(join(ROOT, name)))).toEqual([])
  expect(text).not.toContain('$')
  const known = [CONFIG_VARIABLE, ...OVERRIDES.map(({ env }) => env)]
  expect(Object.keys(file.services.gateway.environment).filter((name) => !known.includes(name))).toEqual([])
})

test('what is published is what the configuration listens on, and the grace period is longer than the drain', async () => {
  const name = join(ROOT, 'deploy/compose/customhouse.yaml')
  const { config } = await loadConfig(name, {}, {}, { secrets: false })
  const inside = [config.listen.data, config.listen.admin].map(({ port }) => `127.0.0.1:${port}:${port}`)
  expect(file.services.gateway.ports).toEqual(inside)
  const grace = Number(/^(\d+)s$/.exec(file.services.gateway.stop_grace_period)?.[1]) * 1000
  // The outcomes of what is cut off have 5 s; docs/life-cycle.md asks for 20 s more.
  expect(grace).toBeGreaterThanOrEqual(config.drain.preStopDelayMs + config.drain.timeoutMs + 20_000)
})

test('its secrets are made, each another on each machine; what is there is kept; no name is without a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-secrets-'))
  const make = (name: string): Map<string, string> => {
    const into = join(folder, name)
    execFileSync(process.execPath, [join(ROOT, 'deploy/compose/secrets.mjs'), into])
    expect(statSync(into).mode & 0o777).toBe(0o700)
    return new Map(readdirSync(into).map((one) => [one, readFileSync(join(into, one), 'utf8')]))
  }
  const one = make('one')
  const wanted = Object.values<{ file: string }>(file.secrets).map((secret) => basename(secret.file))
  expect([...one.keys()].sort()).toEqual(wanted.sort())
  expect(make('one')).toEqual(one)
  for (const [name, secret] of make('two')) expect(secret).not.toBe(one.get(name))
  expect(one.get('redis.acl')).toContain(`>${one.get('redis-password')} `)
  rmSync(folder, { recursive: true })
})

test('the image of the file, and the Dockerfile, are of this version', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  expect(file.services.gateway.image).toBe(`customhouse:${version}`)
  expect(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')).toContain(`ARG VERSION=${version}\n`)
})
