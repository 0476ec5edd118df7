import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../house.ts'
import { openaiStream, stream } from '../kit/index.ts'
import { type Driver, type Fault, type Heard, type Raised, TOOL } from './driver.ts'
import { run } from './run.ts'
import { type Counted, type Scene, startScene } from './scene.ts'
import { table } from './table.ts'

const RELEASE = '3.54.0'

/** The Python of a virtual environment that has the SDK; null where there is no Python, or PyPI cannot be reached. */
async function environment(): Promise<string | null> {
  const cache = join(ROOT, 'node_modules/.cache/customhouse')
  const kept = join(cache, `openai-python-${RELEASE}`)
  if (existsSync(kept)) return join(kept, 'bin/python')
  mkdirSync(cache, { recursive: true })
  const fresh = mkdtempSync(join(cache, 'venv-'))
  const command = promisify(execFile)
  try {
    await command('python3', ['-m', 'venv', fresh])
    const options = ['-q', '--disable-pip-version-check', '--retries', '1', '--timeout', '10', '--only-binary', ':all:']
    await command(join(fresh, 'bin/python'), ['-m', 'pip', 'install', ...options, `openai==${RELEASE}`])
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    if (process.env.CI === 'true') throw error
    console.info(
      `test/e2e/python: skipped, no Python with openai ${RELEASE} can be made here (${String(error).slice(0, 200)})`,
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

type Told = Readonly<{
  calls: Counted['calls']
  texts: readonly string[]
  heard?: Heard
  raised?: Readonly<Record<string, unknown> & { message: string }>
}>

/** What the SDK raised, by the names that it has in Python. */
class PythonError extends Error {
  constructor(members: NonNullable<Told['raised']>) {
    super(members.message)
    Object.assign(this, members)
  }
}

let scene: Scene
let child: ChildProcessWithoutNullStreams
let lines: Interface
let answers: AsyncIterator<string>
let complaints = ''
beforeAll(async () => {
  if (python === null) return
  scene = await startScene()
  child = spawn(python, [join(import.meta.dirname, 'ask.py')])
  child.stderr.on('data', (text: Buffer) => {
    complaints += text.toString()
  })
  // One that has ended is told of where its answer is read.
  child.stdin.on('error', () => undefined)
  lines = createInterface({ input: child.stdout })
  answers = lines[Symbol.asyncIterator]()
})
afterAll(async () => {
  child?.stdin.end()
  lines?.close()
  await scene?.close()
})

async function tell(ask: Readonly<Record<string, unknown>>): Promise<Told> {
  child.stdin.write(`${JSON.stringify(ask)}\n`)
  const { value, done } = await answers.next()
  if (done === true) throw new Error(`Python ended: ${complaints}`)
  return JSON.parse(value) as Told
}

const driver: Driver = async (ask) => {
  const { toolResult } = ask
  const messages: unknown[] = [{ role: 'user', content: ask.say }]
  if (toolResult !== undefined) {
    const called = { name: TOOL.name, arguments: toolResult.arguments }
    messages.push({ role: 'assistant', tool_calls: [{ id: toolResult.id, type: 'function', function: called }] })
    messages.push({ role: 'tool', tool_call_id: toolResult.id, content: toolResult.result })
  }
  const tools = ask.tool === true ? { tools: [{ type: 'function', function: TOOL }] } : {}
  const told = await tell({
    key: ask.key,
    baseURL: ask.baseURL,
    retries: ask.retries,
    streamed: ask.streamed,
    leaveAfter: 0,
    headers: { ...ask.headers, ...(ask.case === undefined ? {} : { 'x-customhouse-meta-case': ask.case }) },
    body: { model: ask.model, messages, ...tools },
  })
  ask.calls.push(...told.calls)
  for (const text of told.texts) ask.onText?.(text)
  if (told.raised !== undefined) throw new PythonError(told.raised)
  if (told.heard === undefined) throw new Error('Python told nothing')
  return told.heard
}

const RAISED: Record<Fault, Raised> = {
  denied: { class: 'PermissionDeniedError', status_code: 403, code: 'policy_denied', type: 'permission_error' },
  'wrong key': { class: 'AuthenticationError', status_code: 401, code: 'invalid_api_key' },
  'unknown model': { class: 'NotFoundError', status_code: 404, code: 'model_not_found' },
  malformed: { class: 'BadRequestError', status_code: 400, code: 'call_malformed' },
  'rate limited': { class: 'RateLimitError', status_code: 429, code: 'rate_limit_exceeded' },
  quota: { class: 'RateLimitError', status_code: 429, code: 'rate_limit_exceeded' },
  'provider 500': { class: 'InternalServerError', status_code: 500 },
  'hang-up': { class: 'InternalServerError', status_code: 502, code: 'provider_unreachable' },
  'broken answer': { class: 'InternalServerError', status_code: 502, code: 'provider_truncated' },
  'broken stream': { class: 'APIError', code: 'provider_truncated' },
  'fault in the stream': { class: 'APIError', code: 'engine_overloaded', type: 'server_error' },
  'cut off': { class: 'APIError', code: 'policy_denied', type: 'permission_error' },
  'answer denied': { class: 'PermissionDeniedError', status_code: 403, code: 'policy_denied' },
}

describe.skipIf(python === null).each([
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
])('openai for Python, $how', ({ streamed }) => {
  test.each(table(streamed))('$name', async (row) => {
    const { error, counted } = await run(scene, driver, row, streamed, RAISED)
    const status: unknown = error === null ? null : Reflect.get(error as object, 'status_code')
    if (typeof status === 'number') expect(error).toMatchObject({ request_id: counted.calls.at(-1)?.call })
  })
})

test.skipIf(python === null)('the client hangs up in mid-stream', async () => {
  scene.play({ eu: stream(openaiStream({ texts: ['word '.repeat(200)] }), { everyMs: 20 }) })
  const told = await tell({
    key: scene.house.key,
    baseURL: scene.house.baseURL,
    retries: 0,
    streamed: true,
    leaveAfter: 2,
    headers: {},
    body: { model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] },
  })
  const leftAt = performance.now()
  const [request] = scene.arrived()
  expect(((await request?.closed) ?? Number.POSITIVE_INFINITY) - leftAt).toBeLessThan(1000)
  const trail = await scene.trailOf(told.calls[0]?.call, 2)
  expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
  expect(trail.at(-1)?.body).toMatchObject({ ending: 'client_gone' })
})
