import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import pino from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Customhouse, compose } from '../src/compose.ts'
import { type IssuedPair, pairKey, STORE_NAME } from '../src/identity/index.ts'
import { python } from './e2e/python.ts'
import { type Ground, layGround, ROOT } from './house.ts'
import { anthropicAnswer, converseAnswer, openaiAnswer, type Recorder, startRecorder, whole } from './kit/index.ts'

/** The README's table of SDKs: what it says is set, and nothing else, and each SDK gets its answer through the gateway. */

const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8')
const section = /^## Point your SDK at it\n(.*?)^## /ms.exec(read('README.md'))?.[1] ?? ''
const spans = [...section.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')
const SAID = 'I am a model.'

let upstream: Recorder
let ground: Ground
let customhouse: Customhouse
let pair: IssuedPair
beforeAll(async () => {
  upstream = await startRecorder({
    answer: ({ path }) => {
      if (path.endsWith('/chat/completions')) return whole(openaiAnswer({ texts: [SAID] }))
      if (path.endsWith('/converse')) return whole(converseAnswer({ texts: [SAID] }))
      return whole(anthropicAnswer({ texts: [SAID] }))
    },
  })
  const residency = { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] }
  ground = await layGround({
    providers: {},
    config: {
      identity: { sigv4: true },
      providers: {
        openai: { kind: 'openai', base_url: `${upstream.url}/v1`, residency },
        anthropic: { kind: 'anthropic', base_url: upstream.url, residency },
        bedrock: { kind: 'bedrock', base_url: upstream.url, region: 'eu-central-1', residency },
      },
      models: {
        'gpt-4o': { routes: [{ provider: 'openai', model: 'gpt-4o' }] },
        auto: {
          routes: [
            { provider: 'openai', model: 'gpt-4o' },
            { provider: 'anthropic', model: 'claude-sonnet-4-5' },
            { provider: 'bedrock', model: 'anthropic.claude-sonnet-4-5-20250929-v1:0' },
          ],
        },
      },
    },
  })
  pair = await pairKey(join(ground.folder, 'keys', STORE_NAME), ground.key.slice(4, 12), 0)
  customhouse = await compose(await ground.read(), { read: ground.read, log: pino({ level: 'silent' }) })
})
afterAll(async () => {
  await customhouse?.stop()
  ground?.remove()
  await upstream?.close()
})
// Whichever client called, in whatever order: what reached the providers holds no gateway key.
afterEach(() => {
  for (const request of upstream.requests) {
    expect(JSON.stringify(request.headers) + request.body.toString()).not.toContain('chk_')
  }
})

/** The settings of the table, for this gateway; those whose name a pattern matches. */
function settings(which: RegExp): Record<string, string> {
  const found = spans.flatMap((span) => {
    const [, name = '', value = ''] = /^([A-Z_]+)=(\S+)$/.exec(span) ?? []
    return which.test(name) ? [[name, here(value).replace('chk_...', ground.key)] as const] : []
  })
  return Object.fromEntries(found)
}
const here = (text: string): string => text.replaceAll('http://127.0.0.1:8450', customhouse.data)

const FOREIGN = /^(AWS|OPENAI|ANTHROPIC|AZURE|MISTRAL|CUSTOMHOUSE|NODE_OPTIONS|VITEST|LANGCHAIN|LANGSMITH)/

/** Runs a program that is given as text, with nothing of an SDK in its environment but what is given. */
async function program(command: string, args: readonly string[], source: string, env: NodeJS.ProcessEnv) {
  const inherited = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name))
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...Object.fromEntries(inherited), AWS_EC2_METADATA_DISABLED: 'true', ...env },
  })
  const out = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    out.stderr += text
  })
  child.stdin.end(here(source))
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect(code, out.stderr).toBe(0)
  return out.stdout.trimEnd().split('\n')
}

const inNode = (names: readonly string[], env: NodeJS.ProcessEnv, source = read('examples/clients.ts')) =>
  program(process.execPath, ['--input-type=module-typescript', '-', ...names], source, env)

const heard = (names: readonly string[]) => names.map((name) => `${name}: ${SAID}`)
const plain = (lines: readonly string[]): readonly string[] =>
  lines.map((line) => line.replace(/: \[\{.*?"text":("[^"]*").*$/, ': $1').replaceAll('"', ''))

describe('the table of SDKs', () => {
  test('tells in code what the example has', () => {
    const code = spans.filter((span) => /^(?:new |create)\w+\(/.test(span))
    expect(code.length).toBeGreaterThanOrEqual(4)
    expect(code.filter((span) => !read('examples/clients.ts').includes(span))).toEqual([])
  })

  test('JavaScript: by the environment alone', async () => {
    const names = ['openai', 'anthropic', 'anthropic-bedrock', 'aws']
    const others = ['vercel-openai', 'vercel-bedrock', 'langchain-openai', 'langchain-anthropic', 'langchain-bedrock']
    const all = [...names, ...others]
    expect(plain(await inNode(all, settings(/./)))).toEqual(heard(all))
  }, 60_000)

  test('JavaScript: told in code', async () => {
    const names = ['azure', 'mistral', 'vercel-anthropic']
    expect(plain(await inNode(names, { CUSTOMHOUSE_KEY: ground.key }))).toEqual(heard(names))
  }, 60_000)

  test('@anthropic-ai/sdk 0.x', async () => {
    const source = read('examples/clients.ts').replace("from '@anthropic-ai/sdk'", "from 'anthropic-sdk-0'")
    expect(source).toContain('anthropic-sdk-0')
    expect(plain(await inNode(['anthropic'], settings(/^ANTHROPIC/), source))).toEqual(heard(['anthropic']))
  }, 60_000)

  test.skipIf(python === null)(
    'Python: bearer tokens',
    async () => {
      const names = ['openai', 'anthropic', 'anthropic_bedrock', 'langchain_openai', 'langchain_anthropic']
      const args = ['-', ...names]
      expect(await program(python ?? '', args, read('examples/clients.py'), settings(/./))).toEqual(heard(names))
      const azure = await program(python ?? '', ['-', 'azure'], read('examples/clients.py'), {
        CUSTOMHOUSE_KEY: ground.key,
      })
      expect(azure).toEqual(heard(['azure']))
    },
    60_000,
  )

  test.skipIf(python === null)(
    'Python: AWS, signed with a pair',
    async () => {
      const { AWS_BEARER_TOKEN_BEDROCK: _, ...others } = settings(/^AWS/)
      const names = ['boto3', 'langchain_bedrock']
      const answers = await program(python ?? '', ['-', ...names], read('examples/clients.py'), {
        ...others,
        AWS_ACCESS_KEY_ID: pair.accessKeyId,
        AWS_SECRET_ACCESS_KEY: pair.secretAccessKey,
      })
      expect(answers).toEqual(heard(names))
    },
    60_000,
  )

  test('a model without a provider of the dialect is denied in that dialect, and nothing is sent', async () => {
    const sent = upstream.requests.length
    const baseURL = `${customhouse.data}/anthropic`
    const client = new Anthropic({ baseURL, apiKey: ground.key, authToken: null, maxRetries: 0 })
    const asked = client.messages.create({ model: 'gpt-4o', max_tokens: 9, messages: [{ role: 'user', content: 'a' }] })
    await expect(asked).rejects.toMatchObject({
      status: 403,
      error: { error: { type: 'permission_error', message: expect.stringContaining('base/no-dialect') } },
    })
    expect(upstream.requests.length).toBe(sent)
    const denied = (await ground.records()).filter(({ kind }) => kind === 'call.denied')
    expect(denied.map(({ body }) => body.reasons)).toMatchObject([[{ rule: 'base/no-dialect' }]])
  })
})
