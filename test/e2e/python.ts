import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { IssuedPair } from '../../src/identity/index.ts'
import { ROOT } from '../house.ts'
import { type Ask, type Driver, type Heard, TOOL } from './driver.ts'
import { type Counted, PROVIDER_CREDENTIAL, type Scene } from './scene.ts'

const REQUIREMENTS = [
  'openai==3.54.0',
  'anthropic==2.12.0',
  'boto3==1.44.5',
  'langchain-openai==1.7.3',
  'langchain-anthropic==1.7.7',
  'langchain-aws==1.9.1',
  'h2==4.4.1',
]

/** The Python of a virtual environment that has the SDKs, one for all the tests; null where there is no Python, or PyPI cannot be reached. */
async function environment(): Promise<string | null> {
  const cache = join(ROOT, 'node_modules/.cache/customhouse')
  mkdirSync(cache, { recursive: true })
  const digest = createHash('sha256').update(REQUIREMENTS.join(' ')).digest('hex').slice(0, 12)
  const kept = join(cache, `python-${digest}`)
  try {
    await promisify(execFile)('python3', [join(import.meta.dirname, 'venv.py'), kept, ...REQUIREMENTS])
  } catch (error) {
    if (process.env.CI === 'true') throw error
    console.info(
      `test/e2e/python: skipped, no Python with the SDKs can be made here (${String(error).trim().slice(-200)})`,
    )
    return null
  }
  return join(kept, 'bin/python')
}

export const python = await environment()

/** `module.function` of ask_*.py. */
export type Client =
  | 'openai.chat'
  | 'anthropic.messages'
  | 'anthropic.helper'
  | 'anthropic.bedrock'
  | 'aws.converse'
  | 'aws.invoke'
  | 'langchain.openai'
  | 'langchain.anthropic'
  | 'langchain.bedrock'

/** What is asked of Python. `h2` is negotiated by TLS, `h2c` spoken by prior knowledge. */
type Question = Readonly<{
  client: Client
  wire: 'h1' | 'h2' | 'h2c'
  key: string
  pair?: Pair
  baseURL: string
  idHeader: string
  retries: number
  streamed: boolean
  /** Leaves after so many pieces of text; 0: never. */
  leaveAfter: number
  headers: Readonly<Record<string, string>>
  body: unknown
}>

export type Told = Readonly<{
  calls: Counted['calls']
  texts: readonly string[]
  heard?: Heard & Readonly<{ requestId?: string | null }>
  raised?: Readonly<Record<string, unknown> & { message: string }>
}>

export type Python = Readonly<{ tell(question: Question): Promise<Told>; stop(): void }>

/** A Python that answers one question after another. `ca`: the file of the certificates that it trusts. */
export function startPython(ca?: string): Python {
  if (python === null) throw new Error('there is no Python')
  const { AWS_BEARER_TOKEN_BEDROCK: _, ...environ } = process.env
  const trust = ca === undefined ? {} : { SSL_CERT_FILE: ca, AWS_CA_BUNDLE: ca }
  const child: ChildProcessWithoutNullStreams = spawn(python, [join(import.meta.dirname, 'ask.py')], {
    env: { ...environ, AWS_EC2_METADATA_DISABLED: 'true', PYTHONDONTWRITEBYTECODE: '1', ...trust },
  })
  let complaints = ''
  child.stderr.on('data', (text: Buffer) => {
    complaints += text.toString()
  })
  // One that has ended is told of where its answer is read.
  child.stdin.on('error', () => undefined)
  const lines = createInterface({ input: child.stdout })
  const answers = lines[Symbol.asyncIterator]()
  return {
    tell: async (question) => {
      child.stdin.write(`${JSON.stringify(question)}\n`)
      const { value, done } = await answers.next()
      if (done === true) throw new Error(`Python ended: ${complaints}`)
      return JSON.parse(value) as Told
    },
    stop: () => {
      child.stdin.end()
      lines.close()
    },
  }
}

/** What the SDK raised, by the names that it has in Python. */
export class PythonError extends Error {
  constructor(members: NonNullable<Told['raised']>) {
    super(members.message)
    Object.assign(this, members)
  }
}

export type Body = (ask: Pick<Ask, 'model' | 'say' | 'tool' | 'toolResult'>) => unknown

export const chatBody: Body = ({ model, say, tool, toolResult }) => {
  const messages: unknown[] = [{ role: 'user', content: say }]
  if (toolResult !== undefined) {
    const called = { name: TOOL.name, arguments: toolResult.arguments }
    messages.push({
      role: 'assistant',
      content: null,
      tool_calls: [{ id: toolResult.id, type: 'function', function: called }],
    })
    messages.push({ role: 'tool', tool_call_id: toolResult.id, content: toolResult.result })
  }
  return { model, messages, ...(tool === true ? { tools: [{ type: 'function', function: TOOL }] } : {}) }
}

export const messagesBody: Body = ({ model, say, tool, toolResult }) => {
  const messages: unknown[] = [{ role: 'user', content: say }]
  if (toolResult !== undefined) {
    const { id, result } = toolResult
    const input: unknown = JSON.parse(toolResult.arguments)
    messages.push({ role: 'assistant', content: [{ type: 'tool_use', id, name: TOOL.name, input }] })
    messages.push({ role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: result }] })
  }
  const { name, description, parameters } = TOOL
  const tools = tool === true ? { tools: [{ name, description, input_schema: parameters }] } : {}
  return { model, max_tokens: 64, messages, ...tools }
}

export const converseBody: Body = ({ model: modelId, say, tool, toolResult }) => {
  const messages: unknown[] = [{ role: 'user', content: [{ text: say }] }]
  if (toolResult !== undefined) {
    const { id: toolUseId, result } = toolResult
    const input: unknown = JSON.parse(toolResult.arguments)
    messages.push({ role: 'assistant', content: [{ toolUse: { toolUseId, name: TOOL.name, input } }] })
    messages.push({ role: 'user', content: [{ toolResult: { toolUseId, content: [{ text: result }] } }] })
  }
  const { name, description, parameters } = TOOL
  const toolSpec = { name, description, inputSchema: { json: parameters } }
  return { modelId, messages, ...(tool === true ? { toolConfig: { tools: [{ toolSpec }] } } : {}) }
}

export type Pair = Pick<IssuedPair, 'accessKeyId' | 'secretAccessKey'>

/** How a client of Python's is asked. `pairOf`: what it signs with, instead of a key. */
export type Manner = Readonly<{
  client: Client
  body: Body
  wire?: Question['wire']
  pairOf?: (key: string) => Pair
}>

/** Asks through Python, which is asked for when it is needed. The request id is where the SDK says it is. */
export function driverOf(of: () => Readonly<{ python: Python; scene: Scene }>, manner: Manner): Driver {
  return async (ask) => {
    const { python, scene } = of()
    const told = await python.tell({
      ...questionOf(scene, manner, ask, ask.key),
      retries: ask.retries,
      streamed: ask.streamed,
      headers: { ...ask.headers, ...(ask.case === undefined ? {} : { 'x-customhouse-meta-case': ask.case }) },
    })
    ask.calls.push(...told.calls)
    for (const text of told.texts) ask.onText?.(text)
    const call = told.calls.at(-1)?.call
    if (told.raised !== undefined) {
      if (typeof told.raised.request_id === 'string') expect(told.raised.request_id).toBe(call)
      throw new PythonError(told.raised)
    }
    if (told.heard === undefined) throw new Error('Python told nothing')
    if (typeof told.heard.requestId === 'string') expect(told.heard.requestId).toBe(call)
    return told.heard
  }
}

/** The client leaves in mid-stream: the upstream is closed within a second, and the ending is on record. */
export async function leaves(python: Python, scene: Scene, manner: Manner): Promise<void> {
  scene.play({ eu: scene.voice.speak({ texts: ['word '.repeat(1000)] }, true, true) })
  const told = await python.tell({
    ...questionOf(scene, manner, { model: 'gpt-4o', say: 'hello' }, scene.house.key),
    retries: 0,
    streamed: true,
    leaveAfter: 2,
    headers: {},
  })
  const leftAt = performance.now()
  expect(told).toMatchObject({ texts: [expect.any(String), expect.any(String)] })
  const [request] = scene.arrived()
  expect(request?.wire.includes(PROVIDER_CREDENTIAL)).toBe(true)
  expect(((await request?.closed) ?? Number.POSITIVE_INFINITY) - leftAt).toBeLessThan(1000)
  expect(await request?.answered).toBe('client_gone')
  const trail = await scene.trailOf(told.calls[0]?.call, 2)
  expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
  expect(trail.at(-1)?.body).toMatchObject({ ending: 'client_gone', finish: null })
}

function questionOf(
  { voice, house }: Scene,
  { client, body, wire = 'h1', pairOf }: Manner,
  ask: Pick<Ask, 'model' | 'say' | 'tool' | 'toolResult'>,
  key: string,
): Omit<Question, 'retries' | 'streamed' | 'headers'> {
  return {
    client,
    wire,
    key,
    ...(pairOf === undefined ? {} : { pair: pairOf(key) }),
    baseURL: `${house.customhouse.data}${voice.prefix}`,
    idHeader: voice.idHeader,
    leaveAfter: 0,
    body: body(ask),
  }
}

/** What shows that another transport carries what the usual one does. */
export const ELSEWHERE: ReadonlySet<string> = new Set([
  'allowed',
  'a tool declared and called',
  'denied by residency',
  "the provider's 429, waited for and repeated by the SDK",
  "the provider's 500",
  'the provider hangs up before it answers',
  'the provider dies in the middle of its answer',
  'the provider ends its answer early, without a sign of it',
  'the policy refuses the answer',
])
