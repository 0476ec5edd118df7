import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../house.ts'
import { SAID } from './clients.ts'
import { removeStoresAfterwards } from './kit.ts'
import { judge, openPair, openWire, WHO } from './wire.ts'

removeStoresAfterwards()
const RELEASE = '1.43.11'
const command = promisify(execFile)

/** The Python of a virtual environment that has botocore; null where there is no Python, or PyPI cannot be reached. */
async function environment(): Promise<string | null> {
  const cache = join(ROOT, 'node_modules/.cache/customhouse')
  const kept = join(cache, `botocore-${RELEASE}`)
  if (existsSync(kept)) return join(kept, 'bin/python')
  mkdirSync(cache, { recursive: true })
  const fresh = mkdtempSync(join(cache, 'venv-'))
  try {
    await command('python3', ['-m', 'venv', fresh])
    const options = ['-q', '--disable-pip-version-check', '--retries', '1', '--timeout', '10', '--only-binary', ':all:']
    await command(join(fresh, 'bin/python'), ['-m', 'pip', 'install', ...options, `botocore==${RELEASE}`])
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    if (process.env.CI === 'true') throw error
    console.info(
      `test/identity/botocore: skipped, no Python with botocore ${RELEASE} can be made here (${String(error).slice(0, 200)})`,
    )
    return null
  }
  try {
    renameSync(fresh, kept)
  } catch (error) {
    // Another run was faster, and its environment is as good.
    if (!existsSync(kept)) throw error
    rmSync(fresh, { recursive: true, force: true })
  }
  return join(kept, 'bin/python')
}

const python = await environment()

describe.skipIf(python === null)('botocore', () => {
  it('is proved by its signature, which names no digest of the body, and by its bearer token', async () => {
    const { key, pair, keys } = await openPair()
    const wire = await openWire()
    const { stdout } = await command(
      python ?? '',
      [join(import.meta.dirname, 'converse.py'), `${wire.h1}/bedrock/`, key],
      {
        env: {
          PATH: process.env.PATH,
          AWS_ACCESS_KEY_ID: pair.accessKeyId,
          AWS_SECRET_ACCESS_KEY: pair.secretAccessKey,
        },
      },
    )
    await wire.close()
    expect(stdout).toBe('signature\nbearer\n')
    const [signed, bearer] = wire.sent
    if (signed === undefined || bearer === undefined) throw new Error('two calls were made')
    expect(signed.presented.proof['x-amz-content-sha256']).toBeUndefined()
    expect(signed.presented.path).toMatch(/^\/bedrock\/model\/arn%3Aaws%3A.*%2Fa1b2c3\/converse$/)
    expect(signed.presented.headers).toMatchObject(SAID)
    expect(judge(keys, signed)).toEqual({ who: WHO, when: null })
    expect(judge(keys, bearer)).toEqual({ who: WHO, when: null })
    expect(bearer.presented.proof.authorization).toBe(`Bearer ${key}`)
    expect(judge(keys, { ...signed, body: Buffer.concat([signed.body, Buffer.from(' ')]) })).toEqual({
      who: expect.stringContaining('signature of this call is not right'),
      when: 'body',
    })
    keys.close()
  }, 30_000)
})
