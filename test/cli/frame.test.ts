import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { newFolder, run } from './run.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const VERBS = ['demo', 'init', 'serve', 'check', 'policy', 'audit', 'keys', 'config', 'healthcheck']

describe('the command line', () => {
  it('prints its version, as package.json has it', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  it('lists every verb', async () => {
    const { code, stdout } = await run(['--help'])
    expect(code).toBe(0)
    for (const verb of VERBS) expect(stdout).toMatch(new RegExp(`^  ${verb}\\b`, 'm'))
  })

  for (const verb of ['demo', 'init', 'serve', 'check', 'keys', 'config', 'healthcheck']) {
    it(`${verb} --help has examples`, async () => {
      const { code, stdout } = await run([verb, '--help'])
      expect(code).toBe(0)
      expect(stdout).toContain('Examples:')
      expect(stdout.match(new RegExp(`^ .*customhouse ${verb}`, 'gm'))?.length).toBeGreaterThanOrEqual(2)
      expect((await run(['help', verb])).stdout).toBe(stdout)
    })
  }

  const wrong: readonly [readonly string[], string][] = [
    [[], 'Usage: customhouse'],
    [['chek'], '(Did you mean check?)'],
    [['xyzzy'], "unknown command 'xyzzy'"],
    [['keys', 'craete'], '(Did you mean create?)'],
    [['keys', 'create'], "required option '--tenant <name>' not specified"],
    [['keys', 'rotate', 'AAAAAAAA', '--overlap', '5'], 'It must be a duration with its unit'],
    [['config', 'show', '--orgin'], '(Did you mean --origin?)'],
    [['config', 'schema', '--format', 'yaml'], 'Allowed choices are json, markdown'],
    [['--verison'], '(Did you mean --version?)'],
  ]
  for (const [args, words] of wrong) {
    it(`customhouse ${args.join(' ')}: wrong usage`, async () => {
      const { code, stdout, stderr } = await run(args)
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
      expect(stderr).toContain(words)
    })
  }

  it('says so on an old Node', async () => {
    const old = 'Object.defineProperty(process.versions, "node", { value: "20.11.1" })'
    const node = ['--import', `data:text/javascript,${encodeURIComponent(old)}`]
    const { code, stderr } = await run(['--version'], { node })
    expect(code).toBe(1)
    expect(stderr).toContain('customhouse needs Node 24 or newer; this is Node 20.11.1')
  })
})

describe('init, check and config', () => {
  const folder = newFolder()
  const gateway = join(folder, 'gateway')

  it('init writes what check accepts, and prints the next commands', async () => {
    const { code, stdout } = await run(['init', 'gateway'], { cwd: folder })
    expect(code).toBe(0)
    expect(stdout.split('\n').filter((line) => line !== '')).toEqual([
      'cd gateway && customhouse check',
      'cd gateway && customhouse keys create --tenant claims --name my-first-app',
      'cd gateway && customhouse serve',
    ])
    expect(readFileSync(join(gateway, '.gitignore'), 'utf8')).toBe('/keys/\n/state/\n.env\n')
    expect(readFileSync(join(gateway, 'policies/main.rego'))).toEqual(readFileSync(join(ROOT, 'policies/main.rego')))
    expect(readFileSync(join(gateway, 'customhouse.schema.json'))).toEqual(
      readFileSync(join(ROOT, 'customhouse.schema.json')),
    )
    const key = await run(['keys', 'create', '--tenant', 'claims', '--name', 'my-first-app'], { cwd: gateway })
    expect(key.code).toBe(0)
    const checked = await run(['check'], { cwd: gateway, env: { OPENAI_API_KEY: 'a-value-that-nobody-may-see' } })
    expect(checked).toMatchObject({ code: 0, stdout: '' })
    expect(checked.stderr).toMatch(/^ok {7}policy .* controls models, residency$/m)
    expect(checked.stderr).toContain('1 live key')
    expect(checked.stderr).not.toContain('a-value-that-nobody-may-see')
  })

  it('init overwrites nothing without --force, and keeps foreign lines of .gitignore', async () => {
    const file = join(gateway, 'customhouse.yaml')
    const before = readFileSync(file, 'utf8')
    writeFileSync(file, `${before}# mine\n`)
    writeFileSync(join(gateway, '.gitignore'), 'dist\n/state/')
    const refused = await run(['init', 'gateway'], { cwd: folder })
    expect(refused.code).toBe(3)
    expect(refused.stderr).toContain('nothing was written')
    expect(readFileSync(file, 'utf8')).toBe(`${before}# mine\n`)
    expect((await run(['init', 'gateway', '--force'], { cwd: folder })).code).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe(before)
    expect(readFileSync(join(gateway, '.gitignore'), 'utf8')).toBe('dist\n/state/\n/keys/\n.env\n')
  })

  it('check reports secrets, policies and keys together', async () => {
    writeFileSync(join(gateway, 'policies/broken.rego'), 'package broken\n\nallow if { input.calll.model == "x" }\n')
    writeFileSync(join(gateway, 'keys/gateway-keys.json'), '{')
    const { code, stdout } = await run(['check', '--json'], { cwd: gateway })
    expect(code).toBe(2)
    const report: { ok: boolean; findings: { area: string; code: string; message: string }[] } = JSON.parse(stdout)
    expect(report.ok).toBe(false)
    expect(report.findings.map(({ area, code: what }) => [area, what])).toEqual([
      ['config', 'ERR_CONFIG_INVALID'],
      ['policy', 'ERR_POLICY_COMPILE'],
      ['keys', 'ERR_KEYS_STORE'],
    ])
    expect(report.findings[0]?.message).toContain('environment variable OPENAI_API_KEY is not set')
    expect(report.findings[1]?.message).toContain('broken.rego:3')
  })

  it('check finds an entry that the catalogue does not have, at its place', async () => {
    const other = join(folder, 'other')
    await run(['init', 'other'], { cwd: folder })
    const file = join(other, 'customhouse.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace('residency: openai/eu', 'residency: openai/moon'))
    const { code, stdout } = await run(['check'], { cwd: other, env: { OPENAI_API_KEY: 'x' } })
    expect(code).toBe(2)
    expect(stdout).toMatch(/^customhouse\.yaml:\d+:16 {2}providers\.openai-eu\.residency: /m)
  })

  it('config show --origin says which of flag, environment, file and default won', async () => {
    const { code, stdout } = await run(['config', 'show', '--origin', '--log-format', 'pretty'], {
      cwd: gateway,
      env: { CUSTOMHOUSE_LOG_LEVEL: 'debug' },
    })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^listen\.data = "127\.0\.0\.1:8450" +customhouse\.yaml:4:17$/m)
    expect(stdout).toMatch(/^log\.level = "debug" +env CUSTOMHOUSE_LOG_LEVEL$/m)
    expect(stdout).toMatch(/^log\.format = "pretty" +flag --log-format$/m)
    expect(stdout).toMatch(/^limits\.body = "4MiB" +default$/m)
  })

  it('an invalid configuration is exit code 2, a missing one 1', async () => {
    const bad = join(folder, 'bad.yaml')
    writeFileSync(bad, 'version: 2\n')
    const invalid = await run(['config', 'show', '-c', bad])
    expect(invalid).toMatchObject({ code: 2, stdout: '' })
    expect(invalid.stderr).toContain('bad.yaml:1:10  version: must be 1')
    const missing = await run(['config', 'show', '-c', join(folder, 'absent.yaml')])
    expect(missing).toMatchObject({ code: 1, stdout: '' })
    expect(missing.stderr).toContain('ERR_CONFIG_UNREADABLE')
  })

  it('warns of a variable that nothing reads', async () => {
    const { stderr } = await run(['config', 'show'], { cwd: gateway, env: { CUSTOMHOUSE_DATA_LISTN: 'x' } })
    expect(stderr).toContain(
      'warning: env CUSTOMHOUSE_DATA_LISTN  is not read by anything (did you mean "CUSTOMHOUSE_DATA_LISTEN"?)',
    )
  })
})

describe('healthcheck', () => {
  const folder = newFolder()
  for (const [status, code] of [
    [200, 0],
    [503, 1],
    [302, 1],
    [204, 1],
  ] as const) {
    it(`${status} from /readyz is exit code ${code}`, async () => {
      const asked: (string | undefined)[] = []
      const server = createServer((request, response) => {
        asked.push(request.url)
        response.writeHead(status, { location: '/livez' }).end()
      })
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      const file = join(folder, 'customhouse.yaml')
      writeFileSync(file, `version: 1\nlisten: { admin: "0.0.0.0:${port}" }\ntenants: {}\nproviders: {}\nmodels: {}\n`)
      expect((await run(['healthcheck'], { cwd: folder })).code).toBe(code)
      expect(asked).toEqual(['/readyz'])
      server.close()
    })
  }

  it('nobody there, a silent listener and a broken configuration are 1', async () => {
    expect((await run(['healthcheck', '--url', 'http://127.0.0.1:1/readyz'])).code).toBe(1)
    const silent = createServer(() => undefined)
    await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening))
    const address = silent.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const slow = await run(['healthcheck', '--url', `http://127.0.0.1:${port}/readyz`, '--timeout', '200ms'])
    expect(slow).toMatchObject({ code: 1 })
    silent.closeAllConnections()
    silent.close()
    expect((await run(['healthcheck', '-c', join(folder, 'absent.yaml')])).code).toBe(1)
  })
})
