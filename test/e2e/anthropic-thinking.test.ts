import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { client, LOOKUP } from './anthropic-sdk.ts'
import { said, THOUGHT, thinks, thought, thoughtful, used } from './anthropic-thoughts.ts'
import { anthropicVoice } from './anthropic-voice.ts'
import { type Counted, counting, type Scene, startScene } from './scene.ts'
import { speech } from './table.ts'

/** Thoughts that the provider signed: they go back as they came, or not at all. */

let scene: Scene
beforeAll(async () => {
  scene = await startScene(anthropicVoice)
})
afterAll(() => scene?.close())

type Messages = Anthropic.MessageParam[]

const redacted = { type: 'redacted_thinking' as const, data: 'ZW5jcnlwdGVkIGJ5IHRoZSBwcm92aWRlcg==' }
const result = { type: 'tool_result' as const, tool_use_id: 'toolu_1', content: 'It rains.' }
const user = (content: Anthropic.MessageParam['content']) => ({ role: 'user' as const, content })
const assistant = (...content: Anthropic.ContentBlockParam[]) => ({ role: 'assistant' as const, content })

const params = {
  model: 'gpt-4o',
  max_tokens: 2048,
  thinking: { type: 'enabled' as const, budget_tokens: 1024 },
  tools: [LOOKUP],
}

function connect(): Counted & Readonly<{ anthropic: Anthropic }> {
  const counted = counting('request-id')
  const baseURL = `${scene.house.customhouse.data}/anthropic`
  return { ...counted, anthropic: client({ key: scene.house.key, baseURL, retries: 2, fetch: counted.fetch }) }
}

const redact = { headers: { 'x-customhouse-meta-case': 'redact' } }
const sent = (): string => scene.arrived()[0]?.body.toString() ?? ''

test.each<[string, Messages]>([
  [
    'a thought of an earlier answer',
    [user('one'), assistant(thought('é \u{1f600} "so" \\ \u2028'), said('a')), user('two')],
  ],
  ['one that the provider hides', [user('one'), assistant(redacted, said('a')), user('two')]],
  ['a thought whose text was left out', [user('one'), assistant(thought(''), said('a')), user('two')]],
  ['a thought before a tool, in the last answer', [user('one'), assistant(thought('I look.'), used), user([result])]],
  [
    'many, between texts and tools',
    [
      user('one'),
      assistant(thought('first'), said('a'), thought('second'), redacted, said('b')),
      user('two'),
      assistant(thought('third'), used),
      user([result]),
    ],
  ],
])('byte for byte: %s', async (_, messages) => {
  scene.play({ eu: anthropicVoice.speak(speech, false) })
  const { anthropic, calls } = connect()
  // With every inspector at work, and an edit of another text in the same call.
  await anthropic.messages.create({ ...params, messages }, redact)
  expect(sent()).toContain(`"messages":${JSON.stringify(messages)}`)
  await anthropic.messages.create({ ...params, messages, system: 'SECRET-1' }, redact)
  const second = scene.arrived()[1]?.body.toString()
  expect(second).toContain(`"messages":${JSON.stringify(messages)}`)
  expect(second).toContain('"system":"<<1>>"')
  expect(calls.map(({ status }) => status)).toEqual([200, 200])
})

describe('what must not leave stands in a thought', () => {
  const SECRETIVE = 'the code is SECRET-7, I think'

  test.each<[string, Messages, Messages]>([
    [
      'of an earlier answer',
      [
        user('one'),
        assistant(thought(SECRETIVE), said('a')),
        user('two'),
        assistant(thought('b'), said('c')),
        user('3'),
      ],
      [user('one'), assistant(said('a')), user('two'), assistant(thought('b'), said('c')), user('3')],
    ],
    [
      'one of two of an earlier answer, and in a text beside it',
      [
        user('one'),
        assistant(thought(SECRETIVE), said('it is SECRET-7'), thought('clean')),
        user('two'),
        assistant(said('c')),
        user('3'),
      ],
      [user('one'), assistant(said('it is <<1>>'), thought('clean')), user('two'), assistant(said('c')), user('3')],
    ],
    [
      'of an earlier turn of a loop of tools',
      [
        user('one'),
        assistant(thought(SECRETIVE), used),
        user([result]),
        assistant(thought('clean'), said('c')),
        user('3'),
      ],
      [user('one'), assistant(used), user([result]), assistant(thought('clean'), said('c')), user('3')],
    ],
  ])('%s: the block is dropped', async (_, messages, left) => {
    scene.play({ eu: anthropicVoice.speak(speech, false) })
    const { anthropic, calls } = connect()
    const answer = await anthropic.messages.create({ ...params, messages }, redact)
    expect(answer.content).toEqual([{ type: 'text', text: 'Good day, traveller.' }])
    expect(JSON.parse(sent()).messages).toEqual(left)
    expect(sent()).not.toContain('SECRET-7')
    const trail = await scene.trailOf(calls[0]?.call, 2)
    expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
  })

  test.each<[string, Messages]>([
    ['of the last answer', [user('one'), assistant(thought(SECRETIVE), said('a')), user('two')]],
    ['of the last answer, before a tool', [user('one'), assistant(thought(SECRETIVE), used), user([result])]],
    [
      'that is all there is of an earlier answer',
      [user('one'), assistant(thought(SECRETIVE)), user('two'), assistant(said('b')), user('3')],
    ],
  ])('%s: denied, one call, one record, nothing sent', async (_, messages) => {
    for (const streamed of [false, true]) {
      scene.play({ eu: anthropicVoice.speak(speech, streamed) })
      const { anthropic, calls } = connect()
      const error = await anthropic.messages
        .create({ ...params, messages, stream: streamed }, redact)
        .catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(Anthropic.PermissionDeniedError)
      expect(error).toMatchObject({ status: 403, type: 'permission_error', requestID: calls[0]?.call })
      expect(String(error)).not.toContain('SECRET')
      expect(calls).toHaveLength(1)
      expect(scene.arrived()).toEqual([])
      const trail = await scene.trailOf(calls[0]?.call, 1)
      expect(trail.map(({ kind }) => kind)).toEqual(['call.denied'])
      expect(trail[0]?.body).toMatchObject({ code: 'ERR_POLICY_DENIED', status: 403, stream: streamed })
    }
  })

  test('without an inspector that finds it, it passes: nobody drops what nobody asked to drop', async () => {
    scene.play({ eu: anthropicVoice.speak(speech, false) })
    const messages = [user('one'), assistant(thought(SECRETIVE), said('a')), user('two')]
    await connect().anthropic.messages.create({ ...params, messages })
    expect(sent()).toContain(JSON.stringify(messages))
  })
})

describe('an answer with a thought', () => {
  const content = [thought(THOUGHT), said('I read SECRET-7.'), used]

  test.each([
    { how: 'whole', streamed: false },
    { how: 'streamed', streamed: true },
  ])('comes as it was signed, and goes back so, $how', async ({ streamed }) => {
    scene.play({ eu: thinks(streamed) })
    const { anthropic, calls } = connect()
    const asked = { ...params, messages: [user('my code is SECRET-7')] }
    const first = streamed
      ? await anthropic.messages.stream(asked, redact).finalMessage()
      : await anthropic.messages.create(asked, redact)
    // The text is restored; the thought is what the provider signed.
    expect(first.content).toEqual(content)

    const back = [...asked.messages, { role: first.role, content: first.content }, user([result])]
    scene.play({ eu: anthropicVoice.speak(speech, false) })
    await anthropic.messages.create({ ...params, messages: back }, redact)
    expect(JSON.parse(sent()).messages[1].content).toEqual(thoughtful)
    expect(sent()).toContain(JSON.stringify(thought(THOUGHT)))
    for (const { call } of calls) {
      expect((await scene.trailOf(call, 2)).map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
    }
  })
})
