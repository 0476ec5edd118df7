import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { describe, expect, it } from 'vitest'
import { startSimulator } from '../../src/cli/demo/simulator.ts'
import { BIN, newFolder } from './run.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const RUNNING = join(ROOT, 'node_modules/.customhouse-running')

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

describe('the demo that stays up', () => {
  it('says that it runs from the checkout, names a command that works there, and ends when npm is killed', async () => {
    // As npm does it: a parent that waits, and that takes nobody along when it is killed.
    const script = `const child = require('node:child_process').spawn(process.execPath, [${JSON.stringify(BIN)}, 'demo', '--data-listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'], { stdio: 'inherit' }); console.log('pid ' + child.pid)`
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [parent.stdout, parent.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
    }
    await expect.poll(() => said, { timeout: 60_000, interval: 100 }).toContain('readyz?verbose')
    const pid = Number(/^pid (\d+)$/m.exec(said)?.[1])
    expect(alive(pid)).toBe(true)
    expect(readdirSync(RUNNING)).toContain(String(pid))
    const hint = /What was recorded: npm run -s (customhouse) -- (audit search) --state (\S+)/.exec(said)
    expect(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts).toHaveProperty(String(hint?.[1]))
    expect(existsSync(join(String(hint?.[3]), 'ledger'))).toBe(true)
    const ended = once(parent, 'exit')
    parent.kill('SIGKILL')
    await ended
    await expect.poll(() => alive(pid), { timeout: 10_000, interval: 100 }).toBe(false)
    expect(readdirSync(RUNNING)).not.toContain(String(pid))
    expect(existsSync(String(hint?.[3]))).toBe(false)
  }, 90_000)
})

describe('a simulated provider', () => {
  const say = { texts: ['One sentence of some words.'], usage: { input: 3, output: 7 } }

  it('speaks Anthropic, as its SDK reads it: whole, streamed, failing', async () => {
    const simulator = await startSimulator({ region: 'eu', behave: () => ({ kind: 'speak', speech: say }) })
    try {
      const client = new Anthropic({ baseURL: simulator.origin, apiKey: 'sk-test', maxRetries: 0 })
      const asked = { model: 'claude', max_tokens: 9, messages: [{ role: 'user' as const, content: 'hello' }] }
      for (const message of [await client.messages.create(asked), await client.messages.stream(asked).finalMessage()]) {
        expect(message.content).toMatchObject([{ type: 'text', text: '[eu] One sentence of some words.' }])
        expect(message).toMatchObject({ stop_reason: 'end_turn', usage: { input_tokens: 3, output_tokens: 7 } })
      }
      simulator.behave(() => ({ kind: 'fail', status: 429 }))
      await expect(client.messages.create(asked)).rejects.toBeInstanceOf(Anthropic.RateLimitError)
    } finally {
      await simulator.close()
    }
  })

  it('speaks Converse, as AWS`s SDK reads it: whole, streamed, failing', async () => {
    const simulator = await startSimulator({ region: 'eu', behave: () => ({ kind: 'speak', speech: say }) })
    const client = new BedrockRuntimeClient({
      region: 'eu-central-1',
      endpoint: simulator.origin,
      token: { token: 'k' },
      authSchemePreference: ['httpBearerAuth'],
      maxAttempts: 1,
      requestHandler: new NodeHttpHandler(),
    })
    try {
      const asked = { modelId: 'a:0', messages: [{ role: 'user' as const, content: [{ text: 'hello' }] }] }
      const whole = await client.send(new ConverseCommand(asked))
      expect(whole.output?.message?.content).toEqual([{ text: '[eu] One sentence of some words.' }])
      expect(whole.usage).toMatchObject({ inputTokens: 3, outputTokens: 7 })
      let text = ''
      let tokens: number | undefined
      for await (const event of (await client.send(new ConverseStreamCommand(asked))).stream ?? []) {
        text += event.contentBlockDelta?.delta?.text ?? ''
        tokens = event.metadata?.usage?.totalTokens ?? tokens
      }
      expect([text, tokens]).toEqual(['[eu] One sentence of some words.', 10])
      simulator.behave(() => ({ kind: 'fail', status: 429 }))
      await expect(client.send(new ConverseCommand(asked))).rejects.toMatchObject({ name: 'ThrottlingException' })
    } finally {
      client.destroy()
      await simulator.close()
    }
  })
})

describe('setting up', () => {
  const folder = newFolder()
  mkdirSync(join(folder, 'scripts'))
  cpSync(join(ROOT, 'scripts/setup.mjs'), join(folder, 'scripts/setup.mjs'))
  // A lock file of a project without dependencies: `npm ci` needs no network for it.
  writeFileSync(join(folder, 'package.json'), '{"name":"empty","version":"1.0.0"}')
  const lock = {
    name: 'empty',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: { '': { name: 'empty', version: '1.0.0' } },
  }
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
  const setUp = () => spawnSync(process.execPath, [join(folder, 'scripts/setup.mjs')], { encoding: 'utf8' })

  it('is refused while a process runs on what would be replaced, and done when it has ended', async () => {
    const running = join(folder, 'node_modules/.customhouse-running')
    mkdirSync(running, { recursive: true })
    // The command line of the process says what it is.
    const gateway = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)', 'customhouse', 'serve'])
    const gone = once(gateway, 'exit')
    writeFileSync(join(running, String(gateway.pid)), '')
    const refused = setUp()
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain(`process ${gateway.pid}`)
    expect(refused.stderr).not.toContain('npm ci')
    gateway.kill('SIGKILL')
    await gone
    // One that was killed leaves its file.
    const done = setUp()
    expect(done.stderr).toContain('npm ci')
    expect(done.status).toBe(0)
    expect(setUp().stderr).toBe('')
  }, 60_000)
})
