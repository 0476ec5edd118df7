import { spawn } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { codenames } from '../examples/plugin/codenames.ts'
import { run } from './cli/run.ts'
import { type House, layGround, ROOT, startHouse } from './house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from './kit/index.ts'

/** What examples/ shows is what happens. */

let upstream: Recorder
let says = 'fine'
let house: House | undefined

beforeAll(async () => {
  upstream = await startRecorder({
    answer: ({ body }) =>
      body.toString().includes('"stream":true')
        ? stream(openaiStream({ texts: [says] }, { includeUsage: true }))
        : whole(openaiAnswer({ texts: [says] })),
  })
})
afterEach(async () => {
  await house?.stop()
  house = undefined
  says = 'fine'
})
afterAll(() => upstream?.close())

const providers = () => ({ one: { url: `${upstream.url}/v1` } })
const examples = (name: string): string => join(ROOT, 'examples', name)

type Ran = Readonly<{ code: number | null; stdout: string; stderr: string }>

/** Runs a program that is given as text, as if it stood in the repository's root. */
function node(source: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-', ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
  })
  const out = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    out.stdout += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    out.stderr += chunk
  })
  child.stdin.end(source)
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...out })))
}

test('openai.ts: an answer, a stream, a denial', async () => {
  house = await startHouse({ providers: providers(), models: { auto: ['one/gpt-4o'] } })
  const source = readFileSync(examples('openai.ts'), 'utf8').replace('http://127.0.0.1:8450', house.customhouse.data)
  expect(source).toContain(house.baseURL)
  const { code, stdout, stderr } = await node(source, ['two words'], { CUSTOMHOUSE_KEY: house.key })
  expect(stderr).toBe('')
  expect(code).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  expect(lines.slice(0, 2)).toEqual(['fine', 'fine'])
  expect(lines[2]).toContain('403 policy_denied: 403 Denied by policy residency/')
  const denied = (await house.records()).filter(({ kind }) => kind === 'call.denied')
  expect(lines[3]).toBe(`customhouse audit show ${denied[0]?.call}`)
  expect(upstream.requests.length).toBe(2)
})

describe.each(['policy-control', 'plugin'])('%s', (name) => {
  test('its policies stand beside the shipped ones: strict, formatted, every line tested', async () => {
    const ground = await layGround({ providers: providers() })
    try {
      cpSync(examples(`${name}/policies`), ground.policies, { recursive: true })
      for (const args of [['check'], ['fmt'], ['test', '--threshold', '100']]) {
        const { code, stdout, stderr } = await run(['policy', ...args, ground.policies])
        expect(code, `${args[0]}: ${stdout}${stderr}`).toBe(0)
      }
    } finally {
      ground.remove()
    }
  })
})

async function ask(content: string, streamed = false): Promise<Readonly<{ status: number; text: string }>> {
  const answer = await fetch(`${house?.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${house?.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o', stream: streamed, messages: [{ role: 'user', content }] }),
  })
  return { status: answer.status, text: await answer.text() }
}

/** The shipped policies with those of an example, which is required. */
async function startWith(name: string, control: string, plugins: Parameters<typeof startHouse>[0]['plugins'] = []) {
  const policies = await layGround({ providers: providers() })
  cpSync(examples(`${name}/policies`), policies.policies, { recursive: true })
  house = await startHouse({
    providers: providers(),
    plugins,
    config: { controls: [control], policy: { source: policies.policies } },
  })
  return policies
}

test('policy-control: a suspended provider gets nothing', async () => {
  const ground = await startWith('policy-control', 'suspended')
  try {
    expect((await ask('hello')).status).toBe(200)
    const before = upstream.requests.length
    writeFileSync(join(ground.policies, 'org/suspended.yaml'), 'suspended: [one]\n')
    expect((await house?.customhouse.reload())?.activated).toBe(true)
    const denied = await ask('hello')
    expect(denied.status).toBe(403)
    expect(denied.text).toContain('suspended/provider')
    expect(upstream.requests.length).toBe(before)
  } finally {
    ground.remove()
  }
})

test('plugin: a code name is refused in the call, and never leaves in an answer', async () => {
  const ground = await startWith('plugin', 'codenames', [codenames(['Bluebird', 'Heron'])])
  try {
    expect((await ask('hello')).status).toBe(200)
    const before = upstream.requests.length
    const denied = await ask('How is bluebird doing?')
    expect([denied.status, denied.text.includes('codenames/found')]).toEqual([403, true])
    expect(upstream.requests.length).toBe(before)
    says = 'As far as I know, Heron lands in May.'
    for (const streamed of [false, true]) {
      const { text } = await ask('What lands in May?', streamed)
      expect(text).toContain('codenames/found')
      expect(text).not.toContain('Heron')
    }
  } finally {
    ground.remove()
  }
})

test('plugin/gateway.ts: runs, serves, stops', async () => {
  const ground = await layGround({ providers: providers() })
  const child = spawn(process.execPath, [examples('plugin/gateway.ts'), ground.config], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
    const address = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()))
      child.once('exit', (code) => reject(new Error(`exited with ${code}`)))
    })
    const answer = await fetch(`${address}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ground.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }),
    })
    expect(answer.status).toBe(200)
    await answer.text()
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
  } finally {
    child.kill('SIGKILL')
    ground.remove()
  }
})
