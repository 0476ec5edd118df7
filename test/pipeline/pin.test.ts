import { describe, expect, test } from 'vitest'
import { createResidency } from '../../plugins/residency/index.ts'
import type { Residency, Target } from '../../src/core/call.ts'
import type { Generation } from '../../src/core/generation.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import type { Codec } from '../../src/core/port.ts'
import { anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import { anthropicAnswer, anthropicStream } from '../kit/index.ts'
import { messageCall } from './messages.ts'
import { type Played, play, type Scene, TARGET } from './scene.ts'

/** A pin is what is written: whoever loses it on the way, the dispatch is resolved anew from its own bytes, and is not sent. */

const ANYWHERE: Residency = { endpoint: ['*'], processing: ['*'], storage: ['US'] }
const ORIGIN = 'https://api.anthropic.com'
const residency = createResidency({
  declared: [{ origin: ORIGIN, residency: ANYWHERE }],
  addresses: new Map([['one', ORIGIN]]),
})
const CLAUDE: Target = { ...TARGET, kind: 'anthropic', dialects: ['anthropic.messages'], residency: ANYWHERE }
const PIN = {
  type: 'residency.pin',
  params: { endpoint: ['*'], processing: ['US'], storage: ['US'], inference_geo: 'us' },
}

/** What was sent, as text; null where nothing was. */
async function send(streamed: boolean, said: object, more: Scene): Promise<Played & Readonly<{ sent: string | null }>> {
  let sent: string | null = null
  let own: Generation | null = null
  const played = await play({
    codec: anthropicMessages,
    call: messageCall(streamed, said),
    targets: [CLAUDE],
    obligations: [PIN],
    plugins: [residency.plugin],
    chunks: streamed ? anthropicStream({ texts: ['a'] }) : [JSON.stringify(anthropicAnswer({ texts: ['a'] }))],
    generation: (made) => {
      own ??= { ...made, catalogue: residency.catalogue }
      return own
    },
    around: (made) => ({
      ...made,
      address: ({ path }) => `${ORIGIN}${path}`,
      open: (dispatch, signal) => {
        sent = Buffer.from(dispatch.body).toString()
        return made.open(dispatch, signal)
      },
    }),
    ...more,
    streamed,
  })
  return { ...played, sent }
}

/** A codec that makes the message as if there were no assignment, or with what it finds in another place. */
const losing = (change: (text: string) => string): Partial<Codec> => ({
  ...anthropicMessages,
  write: (...order) => {
    const message = anthropicMessages.write(...order)
    return { ...message, body: Buffer.from(change(Buffer.from(message.body).toString())) }
  },
})

const undo = (value: 'us' | 'global' | undefined): Plugin => ({
  name: 'undo',
  discharge: {
    'undo.pin': { stage: 'pin', request: () => ({ met: true, assign: [{ pointer: '/inference_geo', value }] }) },
  },
})
const UNDONE = [PIN, { type: 'undo.pin', params: {} }]
const GEO = ',"inference_geo":"us"'

describe.each([false, true])('streamed: %s', (streamed) => {
  test.each<[string, object]>([
    ['says nothing', {}],
    ['says the same', { inference_geo: 'us' }],
    ['says null', { inference_geo: null }],
  ])('a client that %s: the switch is sent, once', async (_, said) => {
    const { sent, outcomes } = await send(streamed, said, {})
    expect(sent?.split('inference_geo')).toHaveLength(2)
    expect(JSON.parse(sent ?? '')).toMatchObject({ inference_geo: 'us' })
    expect(outcomes[0]?.body).toMatchObject({ ending: 'complete' })
  })

  test.each(['global', 'eu', 'US', ''])('a client that asks for %j is refused before it is judged', (word) => {
    expect(() => messageCall(streamed, { inference_geo: word })).toThrow(
      expect.objectContaining({ code: 'ERR_CALL_UNSUPPORTED' }),
    )
  })

  test.each<[string, Scene]>([
    ['a codec that leaves it out', { codec: losing((text) => text.replace(GEO, '')) }],
    ['a codec that writes another', { codec: losing((text) => text.replace('"us"', '"global"')) }],
    ['a codec that writes it twice', { codec: losing((text) => text.replace(GEO, `${GEO},"inference_geo":"global"`)) }],
    [
      'a codec that writes it elsewhere',
      { codec: losing((text) => text.replace(GEO, `,"metadata":{"inference_geo":"us"}`)) },
    ],
    ['a later assignment that takes it away', { obligations: UNDONE, plugins: [residency.plugin, undo(undefined)] }],
    ['a later assignment of another', { obligations: UNDONE, plugins: [residency.plugin, undo('global')] }],
  ])('%s: nothing is sent, and it is on record', async (_, more) => {
    const { sent, records, status } = await send(streamed, {}, more)
    expect(sent).toBeNull()
    expect(status).toBe(403)
    expect(records.map(({ kind }) => kind)).toEqual(['call.denied'])
    expect(records[0]?.body.reasons).toMatchObject([{ rule: 'base/residency-drift' }])
  })

  test('a later assignment of the same takes nothing away', async () => {
    const { sent } = await send(streamed, {}, { obligations: UNDONE, plugins: [residency.plugin, undo('us')] })
    expect(JSON.parse(sent ?? '')).toMatchObject({ inference_geo: 'us' })
  })
})

test('without the pin the same call goes anywhere: it is the pin that holds it', async () => {
  const { sent } = await send(false, {}, { obligations: [] })
  expect(sent).not.toContain('inference_geo')
})
