import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { python } from '../e2e/python.ts'
import { selfSigned } from '../kit/index.ts'
import { SAID } from './clients.ts'
import { removeStoresAfterwards } from './kit.ts'
import { judge, openPair, openWire, WHO } from './wire.ts'

removeStoresAfterwards()
const command = promisify(execFile)

/** TLS in front of a port; `ca` is the file of its certificate. */
async function secured(origin: string): Promise<Readonly<{ url: string; ca: string; close(): Promise<void> }>> {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-botocore-'))
  const ca = join(folder, 'ca.pem')
  const tls = selfSigned()
  writeFileSync(ca, tls.cert)
  const server = createServer(tls, (near) => {
    const far = connect(Number(new URL(origin).port), '127.0.0.1')
    near.pipe(far).pipe(near)
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `https://127.0.0.1:${address.port}`,
    ca,
    close: async () => {
      await new Promise((resolve) => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

describe.skipIf(python === null)('botocore', () => {
  it('is proved by its signature, which names no digest of the body, and by its bearer token', async () => {
    const { key, pair, keys } = await openPair()
    const wire = await openWire()
    const secure = await secured(wire.h1)
    const { stdout } = await command(
      python ?? '',
      [join(import.meta.dirname, 'converse.py'), `${wire.h1}/bedrock/`, `${secure.url}/bedrock/`, key],
      {
        env: {
          PATH: process.env.PATH,
          AWS_CA_BUNDLE: secure.ca,
          AWS_ACCESS_KEY_ID: pair.accessKeyId,
          AWS_SECRET_ACCESS_KEY: pair.secretAccessKey,
        },
      },
    )
    await secure.close()
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
  }, 120_000)
})
