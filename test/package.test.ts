import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openaiAnswer, startRecorder, whole } from './kit/index.ts'
import { copySource, lendPackages } from './packaging/source.ts'

/** What `npm pack` ships, in an empty folder: it installs with nothing of ours around it, and serves. */

const folder = mkdtempSync(join(tmpdir(), 'customhouse-package-'))
const env = {
  ...process.env,
  PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
  npm_config_update_notifier: 'false',
}
let installed = false

beforeAll(() => {
  // The package is made from a copy, so that a test leaves no dist/ in the checkout.
  const copy = join(folder, 'source')
  copySource(copy)
  lendPackages(copy)
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: copy, env })
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
  const empty = join(folder, 'empty')
  execFileSync('mkdir', [empty])
  writeFileSync(join(empty, 'package.json'), '{"private":true}')
  const npm = spawnSync(
    'npm',
    [
      'install',
      '--omit=optional',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      '--loglevel=error',
      join(folder, tarball),
    ],
    { cwd: empty, env, encoding: 'utf8' },
  )
  installed = npm.status === 0
  if (!installed && process.env.CI === 'true') throw new Error(npm.stderr)
  if (!installed) console.log('skipped: the package cannot be installed without the npm registry')
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (...args: string[]): string =>
  execFileSync(join(folder, 'empty/node_modules/.bin/customhouse'), args, {
    cwd: join(folder, 'empty'),
    env,
    encoding: 'utf8',
  })

test('holds JavaScript and types, and neither tests nor sources', (context) => {
  if (!installed) return context.skip()
  const packed = join(folder, 'empty/node_modules/customhouse')
  const names = readdirSync(packed, { recursive: true, encoding: 'utf8' })
  expect(names).toContain('dist/src/cli/main.js')
  expect(names).toContain('dist/src/index.d.ts')
  expect(names).toContain('toolchain/dist/rego.wasm.br')
  expect(names).toContain('dist/plugins/residency/catalogue.json')
  expect(names).toContain('dist/plugins/redaction/tagger/weights.bin')
  expect(names).toContain('dist/plugins/redaction/apart/worker.js')
  expect(names.filter((name) => /\.test\.|^(?:src|test|bench)\//.test(name))).toEqual([])
  const manifest = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8'))
  expect(Object.keys(manifest.scripts).filter((name) => /install/.test(name))).toEqual([])
})

test('init, check, keys, serve: a call goes through', async (context) => {
  if (!installed) return context.skip()
  const upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['from the package'] })) })
  expect(run('--version').trim()).toMatch(/^\d+\.\d+\.\d+$/)
  run('init', 'gate')
  const config = join(folder, 'empty/gate/customhouse.yaml')
  const written = {
    version: 1,
    listen: { data: '127.0.0.1:0', admin: '127.0.0.1:0' },
    tenants: { claims: {} },
    providers: {
      here: {
        kind: 'openai',
        base_url: `${upstream.url}/v1`,
        residency: { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] },
      },
    },
    models: { 'gpt-4o': { routes: [{ provider: 'here', model: 'gpt-4o' }] } },
    log: { format: 'json' },
  }
  writeFileSync(config, JSON.stringify(written))
  run('check', '-c', config)
  const key = /chk_\w+/.exec(run('keys', 'create', '-c', config, '--name', 'app', '--tenant', 'claims'))?.[0] ?? ''
  const served = spawn(join(folder, 'empty/node_modules/.bin/customhouse'), ['serve', '-c', config], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  try {
    const data = await new Promise<string>((resolve, reject) => {
      let text = ''
      served.stderr.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        const match = /"data":"([^"]+)"/.exec(text)
        if (match?.[1] !== undefined) resolve(match[1])
      })
      served.once('exit', (code) => reject(new Error(`exited with ${code}: ${text}`)))
    })
    const answer = await fetch(`${data}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }),
    })
    expect(await answer.text()).toContain('from the package')
    expect(upstream.requests.length).toBe(1)
  } finally {
    const exited = new Promise<number | null>((resolve) => served.once('exit', resolve))
    served.kill('SIGTERM')
    expect(await exited).toBe(0)
    await upstream.close()
  }
  expect(
    run('audit', 'verify', '--state', join(folder, 'empty/gate/state'), '--keys', join(folder, 'empty/gate/keys')),
  ).toMatch(/verified/i)
}, 120_000)
