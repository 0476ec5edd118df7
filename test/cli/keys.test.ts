import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { type GatewayKeys, type KeyView, openKeys, STORE_NAME } from '../../src/identity/index.ts'
import { prove } from '../identity/kit.ts'
import { judge, sign } from '../identity/wire.ts'
import { newFolder, run } from './run.ts'

const folder = newFolder()
const keysFolder = join(folder, 'keys')
const file = join(keysFolder, STORE_NAME)
writeFileSync(
  join(folder, 'customhouse.yaml'),
  'version: 1\ntenants: { claims: {}, lab: {} }\nproviders: {}\nmodels: {}\n',
)
const cli = (...args: readonly string[]) => run(['keys', ...args], { cwd: folder })

async function create(...more: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cli('create', '--tenant', 'claims', '--name', 'claims-bot', ...more)
  expect(code, stderr).toBe(0)
  expect(stderr).toContain('shown only this once')
  return stdout.trim()
}

function answer(keys: GatewayKeys, key: string): string {
  try {
    return prove(keys, { authorization: `Bearer ${key}` }).tenant
  } catch (error) {
    if (error instanceof CustomhouseError) return error.code
    throw error
  }
}

const idOf = (key: string) => key.slice(4, 12)

describe('customhouse keys', () => {
  it('a running authenticator follows create, rotate and revoke within 3 s', async () => {
    const first = await create('--group', 'adjusters', '--group', 'night')
    const keys = await openKeys({ file })
    expect(prove(keys, { 'api-key': first })).toMatchObject({
      subject: 'claims-bot',
      groups: ['adjusters', 'night'],
    })

    const second = (await cli('rotate', idOf(first), '--overlap', '1h')).stdout.trim()
    await expect.poll(() => answer(keys, second), { timeout: 3000 }).toBe('claims')
    expect(answer(keys, first)).toBe('claims')
    expect((await cli('list')).stdout).toMatch(
      new RegExp(`^${idOf(first)} +rotating +claims +claims-bot +adjusters,night `, 'm'),
    )

    const third = (await cli('rotate', first, '--overlap', '0s')).stdout.trim()
    await expect.poll(() => answer(keys, third), { timeout: 3000 }).toBe('claims')
    expect([answer(keys, first), answer(keys, second)]).toEqual(['ERR_IDENTITY_INVALID', 'ERR_IDENTITY_INVALID'])

    expect((await cli('revoke', idOf(first), '--dry-run')).stderr).toContain('Nothing was changed')
    await keys.refresh()
    expect(answer(keys, third)).toBe('claims')
    expect((await cli('revoke', idOf(first))).code).toBe(0)
    await expect.poll(() => answer(keys, third), { timeout: 3000 }).toBe('ERR_IDENTITY_INVALID')
    expect((await cli('list')).stdout).toMatch(new RegExp(`^${idOf(first)} +revoked `, 'm'))
    keys.close()
  })

  it('shows a key once: neither the store nor the list holds it', async () => {
    const key = await create('--json')
    const { key: secret, status } = JSON.parse(key) as KeyView & { key: string }
    expect(status).toBe('live')
    const shown = [readFileSync(file, 'utf8'), (await cli('list')).stdout, (await cli('list', '--json')).stdout].join(
      '',
    )
    expect(shown).toContain(idOf(secret))
    expect(shown).not.toContain(secret.slice(13, 56))
  })

  it('makes, rotates and ends a pair for AWS SDKs, which a running authenticator follows within 3 s', async () => {
    const key = await create()
    const keys = await openKeys({ file, accepted: { gatewayKeys: true, sigv4: true } })
    const pairFrom = (stdout: string) => {
      const lines = new Map(
        stdout.split('\n').map((line): [string, string] => [line.replace(/=.*/, ''), line.replace(/.*?=/, '')]),
      )
      return {
        accessKeyId: lines.get('AWS_ACCESS_KEY_ID') ?? '',
        secretAccessKey: lines.get('AWS_SECRET_ACCESS_KEY') ?? '',
        endpoint: lines.get('AWS_ENDPOINT_URL_BEDROCK_RUNTIME'),
      }
    }
    const who = async (pair: ReturnType<typeof pairFrom>) => judge(keys, await sign(pair)).who

    const made = await cli('aws', idOf(key))
    expect(made.code, made.stderr).toBe(0)
    expect(made.stderr).toContain('shown only this once')
    expect(made.stderr).toContain('once identity.sigv4 is true')
    const first = pairFrom(made.stdout)
    expect(first.endpoint).toBe('http://127.0.0.1:8450/bedrock')
    await expect.poll(() => who(first), { timeout: 3000 }).toBe('claims-bot of claims')

    const rotated = await cli('aws', key, '--overlap', '1h', '--endpoint', 'https://models.bank.example/bedrock/')
    expect(rotated.stderr).toContain('The old one is accepted until')
    const second = pairFrom(rotated.stdout)
    expect(second.endpoint).toBe('https://models.bank.example/bedrock')
    await expect.poll(() => who(second), { timeout: 3000 }).toBe('claims-bot of claims')
    expect(await who(first)).toBe('claims-bot of claims')
    const listed = (await cli('list')).stdout
    expect(listed).toMatch(new RegExp(`^${idOf(key)} .* ${first.accessKeyId},${second.accessKeyId} `, 'm'))
    for (const { secretAccessKey } of [first, second]) {
      expect(`${listed}${(await cli('list', '--json')).stdout}${readFileSync(file, 'utf8')}`).not.toContain(
        secretAccessKey,
      )
    }

    expect((await cli('aws', idOf(key), '--end')).stdout).toBe('')
    await expect.poll(() => who(second), { timeout: 3000 }).toContain('signature of this call is not right')
    expect(answer(keys, key)).toBe('claims')
    keys.close()
  })

  it('prints a pair as JSON, and no address where only the folder is known', async () => {
    const key = await create()
    const { stdout, stderr } = await cli('aws', idOf(key), '--keys', keysFolder, '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      accessKeyId: expect.stringMatching(new RegExp(`^CHKA${idOf(key)}`)),
      secretAccessKey: expect.stringMatching(/^[0-9A-Za-z]{43}$/),
      endpoint: null,
      id: idOf(key),
    })
    expect(stderr).toContain('AWS_ENDPOINT_URL_BEDROCK_RUNTIME is the address of the gateway')
  })

  it('loses nothing when processes create at once', async () => {
    const before = JSON.parse((await cli('list', '--json')).stdout).length
    const made = await Promise.all(Array.from({ length: 8 }, () => create()))
    const list: KeyView[] = JSON.parse((await cli('list', '--json')).stdout)
    expect(list).toHaveLength(before + 8)
    const keys = await openKeys({ file })
    for (const key of made) expect(answer(keys, key)).toBe('claims')
    keys.close()
  })

  it('needs only the folder of keys', async () => {
    const elsewhere = newFolder()
    const { code, stdout } = await run(
      ['keys', 'create', '--keys', './k', '--tenant', 'anything', '--name', 'x', '--expires', '90d'],
      {
        cwd: elsewhere,
      },
    )
    expect(code).toBe(0)
    const [key]: KeyView[] = JSON.parse(
      (await run(['keys', 'list', '--keys', './k', '--json'], { cwd: elsewhere })).stdout,
    )
    expect(key?.id).toBe(idOf(stdout.trim()))
    expect(Date.parse(key?.expiresAt ?? '') - Date.parse(key?.created ?? '')).toBe(90 * 86_400_000)
  })

  const refused: readonly [readonly string[], string][] = [
    [['create', '--tenant', 'clams', '--name', 'x'], 'no tenant "clams" (did you mean "claims"?)'],
    [['create', '--tenant', 'claims', '--name', ''], '1 to 256 printable characters'],
    [['rotate', 'AAAAAAAA'], 'no key with the id "AAAAAAAA"'],
    [['revoke', 'AAAAAAAA', '--dry-run'], 'no key with the id "AAAAAAAA"'],
    [['revoke', 'sk-proj-not-an-id'], 'no id of a key'],
    [['aws', 'AAAAAAAA'], 'no key with the id "AAAAAAAA"'],
    [['aws', 'AAAAAAAA', '--end'], 'no key with the id "AAAAAAAA"'],
    [['aws', 'AAAAAAAA', '--endpoint', 'models.bank.example'], 'must be an address'],
  ]
  for (const [args, words] of refused) {
    it(`${args.join(' ')} is wrong usage`, async () => {
      const { code, stdout, stderr } = await cli(...args)
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
      expect(stderr).toContain(words)
      expect(stderr).not.toContain('sk-proj')
    })
  }

  it('a damaged store is a run-time failure, and stays as it is', async () => {
    const whole = readFileSync(file, 'utf8')
    writeFileSync(file, whole.slice(0, -10))
    const { code, stderr } = await cli('create', '--tenant', 'claims', '--name', 'x')
    expect(code).toBe(1)
    expect(stderr).toContain('ERR_KEYS_STORE')
    expect(readFileSync(file, 'utf8')).toBe(whole.slice(0, -10))
    writeFileSync(file, whole)
  })
})
