import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Container, canContain, inNetwork, type Network, openNetwork, start } from './container.ts'
import { buildah, buildImage, furnish, hasBuildah, type Image, which } from './image.ts'
import { composition, type Program, service, specOf } from './services.ts'
import { copySource, needed, ROOT } from './source.ts'

/** The shipped Dockerfile, both of its stages, built for real; and the services of docker-compose.yml, run from it. */

const folder = mkdtempSync(join(tmpdir(), 'customhouse-image-'))
let image: Image | null = null
let mounted = ''
const source = join(folder, 'source')
const node = '/usr/local/bin/node'
const product = '/opt/customhouse/bin/customhouse.js'

beforeAll(() => {
  if (!needed(hasBuildah(), 'buildah, as root')) return
  copySource(source)
  image = buildImage(folder, source)
  mounted = buildah(image.storage, ['mount', buildah(image.storage, ['from', '--pull-never', image.name])])
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('runs as 10001, without a shell, with a probe and a signal of its own', (context) => {
  if (image === null) return context.skip()
  const { Docker } = JSON.parse(buildah(image.storage, ['inspect', '--type=image', image.name]))
  const program = [node, product]
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

describe('the services of docker-compose.yml, as processes of their images', () => {
  const file = composition(ROOT)
  const programs = new Map<string, Program>()
  const running = new Map<string, Container>()
  let network: Network | null = null
  let key = ''

  /** What `docker compose run --rm gateway ...` does: the image's own program, another command. */
  async function once(...command: readonly string[]): Promise<string> {
    const one = container('gateway', command)
    expect(await one.exited, one.said()).toBe(0)
    return one.said()
  }
  function container(name: string, command?: readonly string[]): Container {
    const program = programs.get(service(file, name).image)
    if (network === null || program === undefined) throw new Error(`there is no image for ${name}`)
    return start(network, specOf(file, name, program, source, join(folder, 'volumes'), command))
  }
  async function up(name: string): Promise<Container> {
    const one = container(name)
    running.set(name, one)
    await one.pid()
    const { healthcheck } = service(file, name)
    const [kind = '', ...command] = healthcheck?.test ?? []
    expect(kind).toBe('CMD')
    await expect
      .poll(() => one.exec(command).code, {
        timeout: 30_000,
        interval: 200,
        message: `${name} is not healthy:\n${one.said()}`,
      })
      .toBe(0)
    return one
  }
  const gateway = (): Container => {
    const one = running.get('gateway')
    if (one === undefined) throw new Error('the gateway does not run')
    return one
  }
  /** The published port, which is the container's own in this network. */
  const address = (): string => {
    const [, , port] = service(file, 'gateway').ports?.[0]?.split(':') ?? []
    return `http://127.0.0.1:${port}/openai/v1`
  }
  function client(model: string, ...mode: readonly string[]) {
    if (network === null) throw new Error('there is no network')
    const script = join(ROOT, 'test/packaging/client.ts')
    const [command = '', ...args] = inNetwork(network, [process.execPath, script, address(), key, model, ...mode])
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const exited = new Promise<void>((done) => child.once('close', () => done()))
    return { said: () => said, last: () => exited.then(() => JSON.parse(said.trim().split('\n').at(-1) ?? '')) }
  }

  beforeAll(async () => {
    if (image === null || !needed(canContain(), 'root that may make namespaces (util-linux, iproute2)')) return
    if (!needed(spawnSync('redis-server', ['--version']).status === 0, 'redis-server')) return
    const { Docker } = JSON.parse(buildah(image.storage, ['inspect', '--type=image', image.name]))
    const set = (Docker.config.Env as string[]).map((one) => [one.split('=', 1)[0], one.slice(one.indexOf('=') + 1)])
    programs.set(service(file, 'gateway').image, { ...Docker.config, rootfs: mounted, env: Object.fromEntries(set) })
    // The published image cannot be fetched: Debian's Redis in its place, with a folder that is its user's as there.
    const redis = join(folder, 'redis')
    furnish(redis, {
      '/usr/local/bin/redis-server': which('redis-server'),
      '/usr/local/bin/redis-cli': which('redis-cli'),
    })
    mkdirSync(join(redis, 'data'))
    chownSync(join(redis, 'data'), 999, 999)
    programs.set(service(file, 'redis').image, { rootfs: redis, Entrypoint: [], Cmd: [], env: {} })
    const names = Object.keys(file.services).map((name) => `127.0.0.1 ${name}\n`)
    for (const root of [mounted, redis])
      writeFileSync(join(root, 'etc/hosts'), ['127.0.0.1 localhost\n', ...names].join(''))
    execFileSync(process.execPath, ['deploy/compose/secrets.mjs'], { cwd: source })
    network = await openNetwork()
  })
  afterAll(async () => {
    await Promise.all([...running.values()].map((one) => one.stop('SIGKILL')))
    network?.close()
  })

  test('start as the head of the file says, in the order of what they wait for, each until its own probe is content', async (context) => {
    if (network === null) return context.skip()
    const waits = Object.entries(service(file, 'gateway').depends_on ?? {})
    expect(waits.map(([, { condition }]) => condition)).toEqual(waits.map(() => 'service_healthy'))
    for (const [name] of waits) await up(name)
    expect(await once('check')).toContain('customhouse.yaml')
    expect(await once('revoke', 'init')).toContain('redis://redis:6379/0')
    key = /chk_\w+/.exec(await once('keys', 'create', '--name', 'app', '--tenant', 'claims'))?.[0] ?? ''
    await up('gateway')
  }, 120_000)

  test('a call of a real SDK goes through, to where policy lets it and nowhere else', async (context) => {
    if (network === null) return context.skip()
    expect(await client('auto').last()).toMatchObject({ status: 200, text: expect.stringContaining('Frankfurt') })
    expect(await client('gpt-4o').last()).toMatchObject({ status: 403 })
    expect(running.get('frankfurt')?.said()).toContain('Frankfurt, DE')
  })

  test('process 1 is of user 10001, has no capability and gains none, and its root is read-only', async (context) => {
    if (network === null) return context.skip()
    const pid = await gateway().pid()
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    for (const line of [
      /^Uid:\t10001\t10001\t10001\t10001$/m,
      /^Cap(?:Eff|Prm):\t0{16}$/m,
      /^NoNewPrivs:\t1$/m,
      /^NSpid:\t\d+\t1$/m,
    ])
      expect(status).toMatch(line)
    const write = (path: string): string => {
      const script = `try { fs.writeFileSync('${path}', ''); console.log('written') } catch (error) { console.log(error.code) }`
      return gateway().exec([node, '-e', script]).stdout.trim()
    }
    for (const path of ['/opt/customhouse/bin/x', product, '/etc/x', '/data/x', '/x'])
      expect([path, write(path)]).toEqual([path, 'EROFS'])
    for (const path of ['/etc/customhouse/customhouse.yaml', '/run/secrets/redis-password'])
      expect([path, write(path)]).toEqual([path, 'EROFS'])
    for (const path of ['/tmp/x', '/data/state/x']) expect([path, write(path)]).toEqual([path, 'written'])
  })

  test('Redis gives the gateway`s user the list and nothing else, and nobody else anything', (context) => {
    if (network === null) return context.skip()
    const password = readFileSync(join(source, 'deploy/compose/secrets/redis-password'), 'utf8')
    const ask = (...command: readonly string[]): string =>
      running
        .get('redis')
        ?.exec(['redis-cli', ...command])
        .stdout.trim() ?? ''
    const own = ['--no-auth-warning', '--user', 'customhouse', '--pass', password]
    expect(ask('ping')).toBe('PONG')
    for (const command of [
      ['get', 'x'],
      ['hget', 'customhouse:revocations', 'list'],
      ['acl', 'list'],
    ]) {
      expect(ask(...command)).toMatch(/^NOPERM/)
    }
    expect(ask(...own, 'hget', 'customhouse:revocations', 'digest')).toMatch(/^[0-9a-f]{64}$/)
    for (const command of [
      ['hget', 'x', 'y'],
      ['flushall'],
      ['config', 'get', '*'],
      ['del', 'customhouse:revocations'],
    ]) {
      expect(ask(...own, ...command)).toMatch(/^NOPERM/)
    }
  })

  test('on SIGTERM a stream that has begun is given whole; it ends with 0, and its ledger verifies', async (context) => {
    if (network === null) return context.skip()
    const stream = client('auto', 'stream')
    await expect.poll(() => stream.said(), { timeout: 20_000 }).toContain('begun')
    expect(await gateway().stop('SIGTERM'), gateway().said()).toBe(0)
    expect(await stream.last()).toMatchObject({ status: 200, finish: 'stop' })
    expect(await once('audit', 'verify')).toMatch(/verified/i)
  })

  test('started again on the same volumes it takes the key; once that is revoked it does not', async (context) => {
    if (network === null) return context.skip()
    await up('gateway')
    expect(await client('auto').last()).toMatchObject({ status: 200 })
    const id = key.split('_')[1] ?? ''
    await once('revoke', 'key', id)
    await expect.poll(() => client('auto').last(), { timeout: 20_000, interval: 500 }).toMatchObject({ status: 401 })
  })
})
