import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildah, buildImage, hasBuildah, type Image } from './image.ts'
import { copySource, needed } from './source.ts'

/** The shipped Dockerfile, both of its stages, built for real. */

const folder = mkdtempSync(join(tmpdir(), 'customhouse-image-'))
let image: Image | null = null
let mounted = ''

beforeAll(() => {
  if (!needed(hasBuildah(), 'buildah, as root')) return
  const source = join(folder, 'source')
  copySource(source)
  image = buildImage(folder, source)
  mounted = buildah(image.storage, ['mount', buildah(image.storage, ['from', '--pull-never', image.name])])
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('runs as 10001, without a shell, with a probe and a signal of its own', (context) => {
  if (image === null) return context.skip()
  const { Docker } = JSON.parse(buildah(image.storage, ['inspect', '--type=image', image.name]))
  const program = ['/usr/local/bin/node', '/opt/customhouse/bin/customhouse.js']
  expect(Docker.config).toMatchObject({
    User: '10001:10001',
    Entrypoint: program,
    Cmd: ['serve'],
    StopSignal: 'SIGTERM',
    WorkingDir: '/data',
    Healthcheck: { Test: ['CMD', ...program, 'healthcheck'] },
    Labels: { 'org.opencontainers.image.licenses': 'Apache-2.0', 'org.opencontainers.image.version': '9.9.9-test' },
  })
})

test('all of it but /data and /tmp is owned by root, and nobody else may write to it', (context) => {
  if (image === null) return context.skip()
  const find = (...rule: string[]): string[] =>
    execFileSync('find', [mounted, '-xdev', ...rule], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean)
  const own = ['data', 'data/state', 'data/keys'].map((name) => join(mounted, name))
  expect(find('-not', '-user', '0').sort()).toEqual(own.sort())
  expect(find('-perm', '/022', '-not', '-type', 'l')).toEqual([join(mounted, 'tmp')])
  expect(find('-path', `${mounted}/opt/customhouse/dist/src/cli/main.js`).length).toBe(1)
  expect(find('-path', '*/node_modules/vitest')).toEqual([])
})

test('starts as 10001', (context) => {
  if (image === null) return context.skip()
  const said = execFileSync(
    'chroot',
    ['--userspec=10001:10001', mounted, '/usr/local/bin/node', '/opt/customhouse/bin/customhouse.js', '--version'],
    { encoding: 'utf8' },
  )
  expect(said).toMatch(/^\d+\.\d+\.\d+/)
})
