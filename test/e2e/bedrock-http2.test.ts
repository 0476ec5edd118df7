import { ConverseCommand, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { converseAnswer, converseStream, stream, whole } from '../kit/index.ts'
import { awsClient } from './bedrock-aws.ts'
import { type Doors, openDoors } from './bedrock-doors.ts'
import { converseVoice } from './bedrock-voice.ts'
import type { Counted, Scene } from './scene.ts'

/** One client of the AWS SDK over HTTP/2, as an application keeps it: calls share a connection, and are left one by one. */

let doors: Doors
beforeAll(async () => {
  doors = await openDoors(converseVoice)
})
afterAll(() => doors?.close())

function open({ house }: Scene, more: Readonly<{ case?: string }> = {}) {
  const calls: Counted['calls'] = []
  const baseURL = `${house.customhouse.data}/bedrock`
  return { client: awsClient({ key: house.key, baseURL, retries: 0, calls, ...more }), calls }
}

const asked = (text: string) => ({ modelId: 'gpt-4o', messages: [{ role: 'user' as const, content: [{ text }] }] })

describe.each(['clear', 'tls'] as const)('%s', (door) => {
  test('many calls at once, each with its own answer', async () => {
    const scene = doors[door]
    scene.recorders.eu.script((request) => {
      const body = JSON.parse(request.body.toString()) as { messages: { content: { text: string }[] }[] }
      const speech = { texts: [`You said: ${body.messages[0]?.content[0]?.text}, and I repeat it.`] }
      return request.path.endsWith('-stream')
        ? stream(converseStream(speech), {
            fields: { 'content-type': 'application/vnd.amazon.eventstream' },
            everyMs: 1,
          })
        : whole(converseAnswer(speech))
    })
    const { client, calls } = open(scene, { case: 'redact' })
    try {
      const heard = await Promise.all(
        Array.from({ length: 40 }, async (_, index) => {
          const input = asked(`number ${index} SECRET-${index}`)
          if (index % 2 === 0) {
            const { output } = await client.send(new ConverseCommand(input))
            return output?.message?.content?.[0]?.text
          }
          let text = ''
          const answer = await client.send(new ConverseStreamCommand(input))
          for await (const event of answer.stream ?? []) text += event.contentBlockDelta?.delta?.text ?? ''
          return text
        }),
      )
      expect(heard).toEqual(heard.map((_, index) => `You said: number ${index} SECRET-${index}, and I repeat it.`))
    } finally {
      client.destroy()
    }
    expect(new Set(calls.map(({ call }) => call)).size).toBe(40)
    const records = await scene.house.records()
    for (const { call } of calls) {
      expect(records.filter((record) => record.call === call).map(({ kind }) => kind)).toEqual([
        'call.intent',
        'call.outcome',
      ])
    }
  })

  test('one call is left before its answer begins, and the one beside it goes on', async () => {
    const scene = doors[door]
    scene.recorders.eu.script((request) =>
      request.body.includes('forget it') ? ['hold'] : whole(converseAnswer({ texts: ['Good day.'] })),
    )
    const { client, calls } = open(scene)
    try {
      const controller = new AbortController()
      const before = scene.recorders.eu.requests.length
      const leaving = client
        .send(new ConverseCommand(asked('forget it')), { abortSignal: controller.signal })
        .catch((error: unknown) => error)
      await scene.recorders.eu.waitFor(before + 1)
      const beside = client.send(new ConverseCommand(asked('hello')))
      const abortedAt = performance.now()
      controller.abort()
      expect(await leaving).toMatchObject({ name: 'AbortError' })
      expect((await beside).output?.message?.content?.[0]?.text).toBe('Good day.')
      const left = scene.recorders.eu.requests[before]
      expect(((await left?.closed) ?? Number.POSITIVE_INFINITY) - abortedAt).toBeLessThan(1000)
    } finally {
      client.destroy()
    }
    const told = calls.map(({ call }) => call)
    const intents = (await scene.house.records()).filter(({ kind }) => kind === 'call.intent').slice(-2)
    const forgotten = intents.find(({ call }) => call !== undefined && !told.includes(call))
    const trail = await scene.trailOf(forgotten?.call, 2)
    expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
    expect(trail.at(-1)?.body).toMatchObject({ ending: 'client_gone', status: 499 })
  })
})
