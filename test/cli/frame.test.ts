import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { selfSigned } from '../kit/certificate.ts'
import { deployment } from './residency-samples.ts'
import { newFolder, run } from './run.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const VERBS = [
  'demo',
  'init',
  'serve',
  'check',
  'policy',
  'audit',
  'keys',
  'revoke',
  'residency',
  'config',
  'healthcheck',
]

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

  for (const verb of ['demo', 'init', 'serve', 'check', 'keys', 'revoke', 'residency', 'config', 'healthcheck']) {
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
    [['help', 'nosuch'], "unknown command 'nosuch'"],
    [['help', 'serv'], '(Did you mean serve?)'],
    [['help', 'keys', 'nosuch'], "unknown command 'nosuch'"],
    [['healthcheck', '--url', '127.0.0.1:8451'], 'It must be a whole address'],
    [['healthcheck', '--url', 'ftp://127.0.0.1/readyz'], 'It must be a whole address'],
    [['healthcheck', '--timeout', '3'], 'It must be a duration with its unit'],
  ]
  for (const [args, words] of wrong) {
    it(`customhouse ${args.join(' ')}: wrong usage`, async () => {
      const { code, stdout, stderr } = await run(args)
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
      expect(stderr).toContain(words)
    })
  }

  it('help of a verb below a verb is its help, and defaults are written as people write them', async () => {
    const rotate = await run(['help', 'keys', 'rotate'])
    expect(rotate.code).toBe(0)
    expect(rotate.stdout).toContain('Usage: customhouse keys rotate')
    expect(rotate.stdout).toContain('(default: 24h)')
    expect((await run(['help', 'healthcheck'])).stdout).toContain('(default: 3s)')
    expect((await run(['help'])).stdout).toBe((await run(['--help'])).stdout)
  })

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
      'cd gateway',
      'customhouse check',
      'customhouse keys create --tenant claims --name my-first-app',
      'customhouse serve',
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
    expect(checked.stderr).toMatch(/^ok {7}policy .* controls models, redaction, residency, routing$/m)
    expect(checked.stderr).toContain('1 live key')
    expect(checked.stderr).not.toContain('a-value-that-nobody-may-see')
  })

  it('check finds a state of a newer version, and one older than its keys know', async () => {
    const state = join(gateway, 'state')
    mkdirSync(state, { recursive: true })
    const env = { OPENAI_API_KEY: 'a-value-that-nobody-may-see' }
    writeFileSync(join(state, 'version'), '{"version":9}')
    const newer = await run(['check'], { cwd: gateway, env })
    expect(newer).toMatchObject({ code: 2 })
    expect(newer.stdout).toContain('ERR_STATE_VERSION')
    rmSync(state, { recursive: true })
    const head = join(gateway, 'keys/ledger.head')
    const log = /log: (\S+)/.exec((await run(['config', 'show'], { cwd: gateway, env })).stdout)?.[1]
    writeFileSync(head, `${log}\n7\n${Buffer.alloc(32).toString('base64')}\n\n`)
    const older = await run(['check'], { cwd: gateway, env })
    expect(older).toMatchObject({ code: 2 })
    expect(older.stdout).toMatch(
      /has 0 signed records, and \S+ knows of 7[\s\S]*audit restore[\s\S]*ERR_LEDGER_CORRUPT/,
    )
    rmSync(head)
  })

  it('what init shows in comments is accepted as it stands, once the # is taken away', async () => {
    const shown = join(folder, 'shown')
    await run(['init', 'shown'], { cwd: folder })
    const file = join(shown, 'customhouse.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^#(?! \S)/gm, ''))
    writeFileSync(join(shown, 'az.json'), JSON.stringify([deployment('my-deployment', 'Standard', 'my-resource')]))
    const place = ['--account', 'my-resource', '--location', 'swedencentral', '--into', 'residency.json']
    expect(await run(['residency', 'import', 'azure', 'az.json', ...place], { cwd: shown })).toMatchObject({ code: 0 })
    const { key, cert } = selfSigned(['localhost'])
    mkdirSync(join(shown, 'tls'))
    writeFileSync(join(shown, 'tls/chain.pem'), cert)
    writeFileSync(join(shown, 'tls/key.pem'), key)
    const secrets = ['OPENAI', 'AZURE_OPENAI', 'MISTRAL', 'ANTHROPIC'].map((name) => [`${name}_API_KEY`, 'a-secret'])
    const env = Object.fromEntries(secrets)
    const { code, stdout, stderr } = await run(['check'], { cwd: shown, env })
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toContain('3 tenants, 5 providers, 5 models')
    expect(stderr).toMatch(/^ok {7}certificate /m)
    expect(stderr).toMatch(
      /^ok {7}credentials {4}of bedrock-\S+: not checked; AWS's own chain is asked at the first call$/m,
    )
    const spoken =
      'openai.chat: 4 models, bedrock.converse: 1 model, bedrock.invoke: 1 model, anthropic.messages: 1 model'
    expect(stderr).toContain(spoken)
    // There is no key yet; nothing else is to be warned of.
    expect(stderr.match(/^warning: .*$/gm)).toEqual([expect.stringContaining('no live gateway key')])
    writeFileSync(join(shown, 'tls/key.pem'), selfSigned(['localhost']).key)
    const other = await run(['check'], { cwd: shown, env })
    expect(other.code).toBe(2)
    expect(other.stdout).toMatch(
      /^customhouse\.yaml:\d+:\d+ {2}listen\.tls\.key: .*, or is not that of the first certificate in \.\/tls\/chain\.pem$/m,
    )
    // It is told once, with what else is wrong: nothing that follows from it is.
    writeFileSync(join(shown, 'tls/chain.pem'), 'hello')
    writeFileSync(file, readFileSync(file, 'utf8').replace('bedrock/eu-central-1', 'bedrock/eu-centrl-1'))
    const both = await run(['check', '--json'], { cwd: shown, env })
    const { findings } = JSON.parse(both.stdout) as { findings: { message: string }[] }
    expect(findings.map(({ message }) => message.split('\n').slice(1).join())).toEqual([
      expect.stringMatching(/listen\.tls\.cert: file \.\/tls\/chain\.pem must hold whole certificates/),
      expect.stringMatching(/residency: .*did you mean "bedrock\/eu-central-1"/),
    ])
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

  it('check finds a declaration that is narrower than the catalogue, at its place, with what it lacks', async () => {
    const narrow = join(folder, 'narrow')
    await run(['init', 'narrow'], { cwd: folder })
    const file = join(narrow, 'customhouse.yaml')
    const declared = 'residency: { endpoint: ["*"], processing: [DE], storage: [] }'
    writeFileSync(
      file,
      readFileSync(file, 'utf8')
        .replace('openai.com/v1', 'openai.com:8443/v1')
        .replace('residency: openai/eu', declared),
    )
    const { code, stdout } = await run(['check'], { cwd: narrow, env: { OPENAI_API_KEY: 'x' } })
    expect(code).toBe(2)
    expect(stdout).toMatch(
      /^customhouse\.yaml:\d+:16 {2}providers\.openai-eu\.residency: processing declared for https:\/\/eu\.api\.openai\.com:8443 is narrower.*: it lacks AT, BE, .*SK\.$/m,
    )
  })

  it('config show --origin says which of flag, environment, file and default won', async () => {
    const { code, stdout } = await run(['config', 'show', '--origin', '--log-format', 'pretty'], {
      cwd: gateway,
      env: { CUSTOMHOUSE_LOG_LEVEL: 'debug' },
    })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^listen\.data = "127\.0\.0\.1:8450" +customhouse\.yaml:5:9$/m)
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
    expect((await run(['check', '-c', join(folder, 'absent.yaml')])).code).toBe(1)
    expect((await run(['check', '-c', bad])).code).toBe(2)
  })

  it('warns of a variable that nothing reads', async () => {
    const { stderr } = await run(['config', 'show'], { cwd: gateway, env: { CUSTOMHOUSE_DATA_LISTN: 'x' } })
    expect(stderr).toContain(
      'warning: env CUSTOMHOUSE_DATA_LISTN  is not read by anything (did you mean "CUSTOMHOUSE_DATA_LISTEN"?)',
    )
  })
})
