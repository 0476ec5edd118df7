import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { CONFIG_VARIABLE, OVERRIDES } from '../../src/config/override.ts'
import { ROOT } from './source.ts'

/** docker-compose.yml against the specification's own schema, and what no schema can say. */

const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')
const file = parse(text, { merge: true })
const services = Object.entries<Record<string, unknown>>(file.services)
const ajv = new Ajv({ strict: false, allErrors: true })
for (const format of ['duration', 'ports', 'expose', 'subnet_ip_address']) ajv.addFormat(format, true)
const valid = ajv.compile(JSON.parse(readFileSync(join(ROOT, 'test/packaging/compose.schema.json'), 'utf8')))

test('docker-compose.yml is what the compose specification says; a key that is none is refused', () => {
  const { 'x-locked': _, ...known } = file
  expect(valid(known), JSON.stringify(valid.errors)).toBe(true)
  expect(valid({ ...known, services: { gateway: { image: 'a', retrys: 1 } } })).toBe(false)
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
