import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { expect, test } from 'vitest'

/** The house of docs/architecture.md, held against every import of the shipped sources. */

const root = resolve(import.meta.dirname, '..')

type Room = string
type Import = Readonly<{ file: string; specifier: string }>

/** Which rooms a room may import. A room always may import itself. */
const MAY: Readonly<Record<Room, readonly Room[]>> = {
  core: [],
  pipeline: ['core'],
  policy: ['core'],
  identity: ['core'],
  audit: ['core'],
  dialects: ['core'],
  plugins: ['core'],
  telemetry: ['core'],
  config: ['core'],
  providers: ['core', 'dialects'],
  http: ['core', 'dialects', 'pipeline'],
  compose: [
    'core',
    'pipeline',
    'policy',
    'identity',
    'audit',
    'dialects',
    'plugins',
    'config',
    'providers',
    'http',
    'telemetry',
  ],
  index: ['core', 'config', 'compose'],
  cli: [
    'core',
    'pipeline',
    'policy',
    'identity',
    'audit',
    'dialects',
    'plugins',
    'config',
    'providers',
    'http',
    'compose',
  ],
}

/** Each package of npm has one owner; those that are not listed may not be imported at all. */
const OWNERS: Readonly<Record<string, readonly Room[]>> = {
  '@aws-sdk/credential-provider-node': ['providers'],
  '@smithy/eventstream-codec': ['dialects'],
  '@smithy/signature-v4': ['providers'],
  '@opentelemetry/api': ['telemetry'],
  '@opentelemetry/exporter-trace-otlp-http': ['telemetry'],
  '@opentelemetry/resources': ['telemetry'],
  '@opentelemetry/sdk-trace-base': ['telemetry'],
  'prom-client': ['telemetry'],
  '@redis/client': ['identity'],
  jose: ['identity'],
  undici: ['providers'],
  express: ['http'],
  re2js: ['policy', 'plugins'],
  'libphonenumber-js': ['plugins'],
  stdnum: ['plugins'],
  ibantools: ['plugins'],
  tldts: ['plugins'],
  yaml: ['config', 'policy'],
  zod: ['config'],
  commander: ['cli'],
  pino: ['compose'],
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name).split(sep).join('/'))
}

function roomOf(file: string): Room {
  const parts = file.split('/')
  if (parts[0] === 'plugins') return 'plugins'
  const second = parts[1] ?? ''
  return second.endsWith('.ts') ? second.slice(0, -3) : second
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const found = [
    ...text.matchAll(/^\s*(?:import|export)\b[^'"]*?\bfrom\s+'([^']+)'/gms),
    ...text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g),
    ...text.matchAll(/^\s*import\s+'([^']+)'/gm),
  ]
  return found.map((match) => ({ file, specifier: match[1] ?? '' }))
}

const files = [...sources('src'), ...sources('plugins')]
const imports = files.flatMap(importsOf)
const inner = imports
  .filter(({ specifier }) => specifier.startsWith('.'))
  .map(({ file, specifier }) => ({
    file,
    to: relative(root, resolve(root, dirname(file), specifier))
      .split(sep)
      .join('/'),
  }))

test('there is something to hold', () => {
  expect(files.length).toBeGreaterThan(50)
  expect(inner.length).toBeGreaterThan(100)
})

test('imports go down the floors only', () => {
  const wrong = inner
    .filter(({ to }) => to.startsWith('src/') || to.startsWith('plugins/'))
    .filter(({ file, to }) => {
      const [from, target] = [roomOf(file), roomOf(to)]
      return from !== target && !(MAY[from]?.includes(target) ?? false)
    })
    .map(({ file, to }) => `${file} imports ${to}`)
  expect(wrong).toEqual([])
})

test('a plugin imports core and itself, and nothing of another plugin', () => {
  const wrong = inner
    .filter(({ file }) => file.startsWith('plugins/'))
    .filter(({ file, to }) => !to.startsWith('src/core/') && !to.startsWith(`plugins/${file.split('/')[1]}/`))
    .map(({ file, to }) => `${file} imports ${to}`)
  expect(wrong).toEqual([])
})

test('shipped sources import nothing of the tests, the benchmark or the scripts', () => {
  const wrong = inner
    .filter(({ to }) => /^(?:test|bench|scripts|examples)\//.test(to))
    .map(({ file, to }) => `${file} imports ${to}`)
  expect(wrong).toEqual([])
})

test('there are no circles', () => {
  const edges = new Map<string, string[]>()
  for (const { file, to } of inner) edges.set(file, [...(edges.get(file) ?? []), to])
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file)
    if (at !== -1) circles.push([...path.slice(at), file].join(' -> '))
    if (at !== -1 || done.has(file)) return
    for (const next of edges.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  expect(circles).toEqual([])
})

test('bytes are called redacted in one place, and only what is dispatched is', () => {
  const minters = inner.filter(({ to }) => to === 'src/pipeline/redacted.ts').map(({ file }) => file)
  expect(minters).toEqual(['src/pipeline/attempt.ts'])
  const claims = files.filter((file) =>
    /\bas (?:unknown as )?Redacted\b|<Redacted>/.test(readFileSync(join(root, file), 'utf8')),
  )
  expect(claims).toEqual(['src/pipeline/redacted.ts'])
  const calls = readFileSync(join(root, 'src/pipeline/attempt.ts'), 'utf8').match(/\bredacted\(/g)
  expect(calls).toHaveLength(1)
})

test('each package of npm has one owner', () => {
  const wrong = imports
    .filter(({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
    .filter(({ file, specifier }) => {
      const name = specifier.startsWith('@')
        ? specifier.split('/').slice(0, 2).join('/')
        : (specifier.split('/')[0] ?? '')
      return !(OWNERS[name]?.includes(roomOf(file)) ?? false)
    })
    .map(({ file, specifier }) => `${file} imports ${specifier}`)
  expect(wrong).toEqual([])
})

test('what is shipped depends on nothing but what it imports, and runs no script at installation', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(Object.keys(manifest.dependencies).sort()).toEqual(Object.keys(OWNERS).sort())
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const scripted = Object.entries<{ hasInstallScript?: boolean; dev?: boolean; devOptional?: boolean }>(lock.packages)
    .filter(
      ([path, entry]) =>
        path !== '' && entry.hasInstallScript === true && entry.dev !== true && entry.devOptional !== true,
    )
    .map(([path]) => path)
  expect(scripted).toEqual([])
})
