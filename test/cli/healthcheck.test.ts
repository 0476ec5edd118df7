import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ground, layGround } from '../house.ts'
import { CASES, probePolicies } from '../probe.ts'
import { type Served, serve } from '../serve.ts'
import { newFolder, run } from './run.ts'

/** Answers every request with one status, and keeps the paths that were asked for. */
async function listening(status: number): Promise<{ server: Server; port: number; asked: (string | undefined)[] }> {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asked.push(request.url)
    response.writeHead(status, { location: '/livez' }).end()
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const address = server.address()
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0, asked }
}

describe('healthcheck without a word of the gateway asks where the configuration says', () => {
  const folder = newFolder()
  for (const [status, code] of [
    [200, 0],
    [503, 1],
    [302, 1],
    [204, 1],
  ] as const) {
    it(`${status} from /readyz is exit code ${code}`, async () => {
      const { server, port, asked } = await listening(status)
      const file = join(folder, 'customhouse.yaml')
      writeFileSync(file, `version: 1\nlisten: { admin: "0.0.0.0:${port}" }\ntenants: {}\nproviders: {}\nmodels: {}\n`)
      expect((await run(['healthcheck'], { cwd: folder })).code).toBe(code)
      expect(asked).toEqual(['/readyz'])
      server.close()
    })
  }

  it('flag and environment win over the file, whatever else is wrong with it', async () => {
    const { server, port, asked } = await listening(200)
    const file = join(folder, 'customhouse.yaml')
    writeFileSync(file, 'nonsense: [\nlisten: { admin: "127.0.0.1:1" }\n')
    expect((await run(['healthcheck', '--admin-listen', `127.0.0.1:${port}`], { cwd: folder })).code).toBe(0)
    const env = { CUSTOMHOUSE_ADMIN_LISTEN: `127.0.0.1:${port}` }
    expect((await run(['healthcheck'], { cwd: folder, env })).code).toBe(0)
    expect(asked.length).toBe(2)
    server.close()
  })

  it('nobody there, a silent listener and no configuration are 1', async () => {
    expect((await run(['healthcheck', '--url', 'http://127.0.0.1:1/readyz'])).code).toBe(1)
    const silent = createServer(() => undefined)
    await new Promise<void>((ready) => silent.listen(0, '127.0.0.1', ready))
    const address = silent.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const slow = await run(['healthcheck', '--url', `http://127.0.0.1:${port}/readyz`, '--timeout', '200ms'])
    expect(slow).toMatchObject({ code: 1 })
    silent.closeAllConnections()
    silent.close()
    const absent = await run(['healthcheck', '-c', join(folder, 'absent.yaml')])
    expect(absent.code).toBe(1)
    expect(absent.stderr).toContain('absent.yaml cannot be read (ENOENT)')
  })

  it('an admin.json that is none is as good as none', async () => {
    const { server, port } = await listening(200)
    mkdirSync(join(folder, 'state'), { recursive: true })
    writeFileSync(join(folder, 'customhouse.yaml'), `listen: { admin: "127.0.0.1:${port}" }\n`)
    for (const text of ['', '{', '{"url": 7}', '{"url": "here"}']) {
      writeFileSync(join(folder, 'state/admin.json'), text)
      expect((await run(['healthcheck'], { cwd: folder })).code, text).toBe(0)
    }
    server.close()
  })
})

describe('healthcheck of a gateway that runs', () => {
  let ground: Ground
  let served: Served
  beforeAll(async () => {
    const probed = probePolicies(CASES)
    const main = (probed['main.rego'] ?? '').replace(/obligations: \[probe[^\]]*\]/, 'obligations: [stream.hold]')
    ground = await layGround({
      providers: { one: { url: 'http://127.0.0.1:1/v1' } },
      policies: { ...probed, 'main.rego': main },
    })
    served = await serve(ground)
  }, 60_000)
  afterAll(async () => {
    served?.child.kill('SIGKILL')
    await served?.exited
    ground?.remove()
  })

  it('finds it on a port that the system chose, and after a rejected configuration was pushed', async () => {
    const published = join(ground.state, 'admin.json')
    await expect.poll(() => existsSync(published)).toBe(true)
    expect(JSON.parse(readFileSync(published, 'utf8'))).toEqual({
      url: served.admin,
      pid: served.pid,
    })
    const ask = () => run(['healthcheck', '-c', ground.config])
    expect(await ask()).toEqual({ code: 0, stdout: '', stderr: '' })
    const good = readFileSync(ground.config, 'utf8')
    for (const bad of [good.replace('"environment"', '"enviroment"'), '{', 'listen: { admin: nowhere }\n', '']) {
      writeFileSync(ground.config, bad)
      expect(await ask(), bad).toEqual({ code: 0, stdout: '', stderr: '' })
    }
    rmSync(ground.config)
    expect((await ask()).code).toBe(0)
    writeFileSync(ground.config, good)
  })

  it('a gateway that has stopped is not ready, and leaves no address', async () => {
    served.child.kill('SIGTERM')
    expect(await served.exited).toBe(0)
    expect(existsSync(join(ground.state, 'admin.json'))).toBe(false)
    expect((await run(['healthcheck', '-c', ground.config])).code).toBe(1)
  })
})
