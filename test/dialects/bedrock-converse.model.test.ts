import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  AudioSource$,
  BedrockRuntimeClient,
  ContentBlock$,
  ContentBlockDelta$,
  ContentBlockStart$,
  ConverseCommand,
  ConverseRequest$,
  ConverseStreamOutput$,
  ConverseStreamRequest$,
  ConverseTokensRequest$,
  CountTokensInput$,
  DocumentSource$,
  GuardrailConverseContentBlock$,
  ImageSource$,
  ReasoningContentBlock$,
  SystemContentBlock$,
  Tool$,
  ToolChoice$,
  ToolResultContentBlock$,
  VideoSource$,
} from '@aws-sdk/client-bedrock-runtime'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { fixturesFolder } from '../kit/index.ts'
import {
  bedrockRecordings,
  codecOf,
  decode,
  delta,
  encode,
  frames,
  hello,
  inbound,
  isStream,
  JSON_TYPE,
  MESSAGE_START,
  MESSAGE_STOP,
  pathOf,
  payloadsOf,
  read,
  start,
  streamCall,
  wholeCall,
} from './bedrock-converse-calls.ts'
import { isObject, leavesOf, objectsOf, planted } from './leaves.ts'

/** The dialect is as large as the installed SDK's: what AWS adds shows here before a user meets it as a refusal. */
describe('the unions of the AWS SDK', () => {
  const content = (block: unknown) => ({ messages: [{ role: 'user', content: [block] }] })
  const at = '/messages/0/content/0'
  const inBlock = (path: readonly string[]) => (member: unknown) =>
    content(path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), member))
  const result = (member: unknown) => content({ toolResult: { content: [member] } })

  it.each<[string, readonly string[], (member: unknown) => unknown, string]>([
    ['ContentBlock', ContentBlock$[4], content, at],
    ['ImageSource', ImageSource$[4], inBlock(['image', 'source']), `${at}/image/source`],
    ['VideoSource', VideoSource$[4], inBlock(['video', 'source']), `${at}/video/source`],
    ['AudioSource', AudioSource$[4], inBlock(['audio', 'source']), `${at}/audio/source`],
    ['DocumentSource', DocumentSource$[4], inBlock(['document', 'source']), `${at}/document/source`],
    ['ReasoningContentBlock', ReasoningContentBlock$[4], inBlock(['reasoningContent']), `${at}/reasoningContent`],
    [
      'GuardrailConverseContentBlock',
      GuardrailConverseContentBlock$[4],
      inBlock(['guardContent']),
      `${at}/guardContent`,
    ],
    ['ToolResultContentBlock', ToolResultContentBlock$[4], result, `${at}/toolResult/content/0`],
    ['SystemContentBlock', SystemContentBlock$[4], (member) => ({ ...hello, system: [member] }), '/system/0'],
    ['Tool', Tool$[4], (member) => ({ ...hello, toolConfig: { tools: [member] } }), '/toolConfig/tools/0'],
    [
      'ToolChoice',
      ToolChoice$[4],
      (member) => ({ ...hello, toolConfig: { toolChoice: member } }),
      '/toolConfig/toolChoice',
    ],
  ])('%s is known in all its members, and no further', (_, members, body, pointer) => {
    expect(members.length).toBeGreaterThan(1)
    for (const name of members) expect(read(body({ [name]: { name: 'f' } })).unread, name).not.toContain(pointer)
    expect(read(body({ other: { name: 'f' } })).unread).toEqual([pointer])
  })

  it('the members of its requests are known', () => {
    const values: Readonly<Record<string, unknown>> = { messages: hello.messages, toolConfig: {} }
    for (const name of [...ConverseRequest$[4], ...ConverseStreamRequest$[4]]) {
      if (name === 'modelId') continue
      expect(() => read({ ...hello, [name]: values[name] ?? null })).not.toThrow()
    }
    for (const name of ConverseTokensRequest$[4]) {
      const converse = { ...hello, [name]: values[name] ?? null }
      expect(() => read({ input: { converse } }, '/model/m/count-tokens')).not.toThrow()
    }
    expect([...CountTokensInput$[4]].sort()).toEqual(['converse', 'invokeModel'])
  })

  it('the events of its streams are known', () => {
    const events = ConverseStreamOutput$[4].filter((name) => !name.endsWith('Exception'))
    expect([...events].sort()).toEqual([
      'contentBlockDelta',
      'contentBlockStart',
      'contentBlockStop',
      'messageStart',
      'messageStop',
      'metadata',
    ])
    for (const name of ContentBlockStart$[4]) {
      expect(decode(streamCall, frames(MESSAGE_START, start(0, { [name]: {} }), MESSAGE_STOP))).toHaveLength(3)
    }
    for (const name of ContentBlockDelta$[4]) {
      const piece = name === 'text' ? 'x' : name === 'toolResult' ? [] : {}
      expect(decode(streamCall, frames(MESSAGE_START, delta(0, { [name]: piece }), MESSAGE_STOP))).toHaveLength(3)
    }
  })

  it('what the SDK writes of a call with everything in it is read and written again', async () => {
    let body: unknown
    let path = ''
    const client = new BedrockRuntimeClient({
      region: 'eu-central-1',
      endpoint: 'http://gateway.invalid',
      credentials: { accessKeyId: 'a', secretAccessKey: 's' },
      requestHandler: {
        handle: async (request: { path: string; body: string | Uint8Array }) => {
          body = JSON.parse(typeof request.body === 'string' ? request.body : new TextDecoder().decode(request.body))
          path = request.path
          throw Object.assign(new Error('enough'), { name: 'Enough' })
        },
      },
    })
    const bytes = Uint8Array.of(1, 2, 3)
    const sent = client.send(
      new ConverseCommand({
        modelId: 'arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.m-v1:0',
        system: [{ text: 's' }, { cachePoint: { type: 'default', ttl: '1h' } }],
        messages: [
          {
            role: 'user',
            content: [
              { text: 'x' },
              { image: { format: 'png', source: { bytes } } },
              { document: { format: 'pdf', name: 'n', source: { bytes }, citations: { enabled: true } } },
              { document: { name: 'n', source: { content: [{ text: 'y' }] } } },
              { video: { format: 'mp4', source: { s3Location: { uri: 's3://b/k', bucketOwner: '123456789012' } } } },
              { audio: { format: 'mp3', source: { bytes } } },
              { guardContent: { text: { text: 'g', qualifiers: ['query'] } } },
              { searchResult: { source: 'https://a.example', title: 't', content: [{ text: 'z' }] } },
            ],
          },
          {
            role: 'assistant',
            content: [
              { reasoningContent: { reasoningText: { text: 'r', signature: 's' } } },
              { reasoningContent: { redactedContent: bytes } },
              { toolUse: { toolUseId: 't', name: 'f', input: { a: [1, 'b', { c: null }] } } },
            ],
          },
          {
            role: 'user',
            content: [
              { toolResult: { toolUseId: 't', status: 'success', content: [{ json: { a: 1 } }, { text: 'x' }] } },
            ],
          },
        ],
        toolConfig: {
          tools: [
            { toolSpec: { name: 'f', description: 'd', inputSchema: { json: { type: 'object' } }, strict: true } },
          ],
          toolChoice: { auto: {} },
        },
        inferenceConfig: { maxTokens: 5, temperature: 0.5, topP: 0.1, stopSequences: ['x'] },
        additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 1024 } },
        additionalModelResponseFieldPaths: ['/stop_sequence'],
        requestMetadata: { team: 'claims' },
        performanceConfig: { latency: 'standard' },
        serviceTier: { type: 'default' },
        outputConfig: { textFormat: { type: 'json_schema', structure: { jsonSchema: { schema: '{}' } } } },
      }),
    )
    await expect(sent).rejects.toThrow('enough')
    const codec = codecOf(path)
    const call = codec.read(inbound(body, path))
    expect(call).toMatchObject({
      model: 'arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.m-v1:0',
      unread: [],
      tools: ['f'],
    })
    expect(call.references.map(({ kind, where }) => `${kind} ${where}`)).toEqual([
      'image inline',
      'file inline',
      'video remote',
      'audio inline',
    ])
    expect(call.segments.filter(({ signed }) => signed === true)).toHaveLength(3)
    const strings = call.segments.filter(({ pointer }) => !pointer.endsWith('#')).map(({ text }) => text)
    expect(strings).toEqual(leavesOf(body).map(({ text }) => text))
  })

  const root = fixturesFolder()
  it.skipIf(root === null)('what other SDKs were seen to write is read (skipped without fixtures)', () => {
    const folder = join(root ?? '', 'sdk-requests')
    const files = readdirSync(folder).filter((name) => name.includes('_converse'))
    for (const file of files) {
      const kept: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'))
      if (!isObject(kept)) throw new Error(`${file} is no recording`)
      const sent = typeof kept.body === 'string' ? JSON.parse(kept.body) : kept.body
      expect(read(sent, String(kept.path ?? kept.url)).unread, file).toEqual([])
    }
    expect(files.length).toBeGreaterThan(1)
  })
})

const all = bedrockRecordings()
describe.skipIf(all === null)('what is bent at random (skipped without fixtures)', () => {
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom('assistant', 'user', '', 1e21, -1, 0.5, [], {}))
  const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % Math.max(1, list.length)]

  it('is read, or refused with a reason: a call', () => {
    let readAnyhow = 0
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(),
        value,
        fc.constantFrom('x', 'text', 'bytes', 'content', 'role'),
        (which, where, bent, name) => {
          const recording = pick(all ?? [], which)
          if (recording === undefined) return
          const { body } = recording.request
          const paths = [...leavesOf(body).map(({ path }) => path), ...objectsOf(body).map((path) => [...path, name])]
          const path = pathOf(recording)
          try {
            const call = codecOf(path).read(inbound(planted(body, pick(paths, where) ?? [], bent), path))
            if (call.unread.length === 0) readAnyhow++
          } catch (error) {
            expect(error).toBeInstanceOf(CustomhouseError)
            expect(error).toMatchObject({ status: expect.toSatisfy((status: number) => status >= 400 && status < 500) })
          }
        },
      ),
      { numRuns: 2000 },
    )
    expect(readAnyhow).toBeGreaterThan(200)
  })

  it('is read and written, or refused as the provider’s: an answer', () => {
    let readAnyhow = 0
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), value, (which, event, where, bent) => {
        const recording = pick(all ?? [], which)
        if (recording === undefined) return
        const { bytes, status } = recording.response
        const bend = (json: unknown) => {
          const paths = [...leavesOf(json).map(({ path }) => path), ...objectsOf(json).map((path) => [...path, 'x'])]
          return planted(json, pick(paths, where) ?? [], bent)
        }
        try {
          if (isStream(recording)) {
            const list = payloadsOf(bytes)
            const chosen = event % list.length
            const changed = list.map(
              ({ type, payload }, at) => [type, at === chosen ? bend(payload) : payload] as const,
            )
            encode(streamCall, decode(streamCall, frames(...changed)))
          } else {
            const answer = JSON.stringify(bend(JSON.parse(bytes.toString())))
            encode(wholeCall, decode(wholeCall, answer, status, JSON_TYPE))
          }
          readAnyhow++
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_PROVIDER_(?:MALFORMED|TRUNCATED)$/) })
        }
      }),
      { numRuns: 1500 },
    )
    expect(readAnyhow).toBeGreaterThan(200)
  })
})
