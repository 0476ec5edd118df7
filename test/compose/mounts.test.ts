import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type House, startHouse } from '../house.ts'
import { openaiAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'
import { CASES, probePolicies } from '../probe.ts'

/** What a developer reads whose base URL or model is not quite right. */

let upstream: Recorder
let house: House
beforeAll(async () => {
  upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  const probed = probePolicies(CASES)
  const main = (probed['main.rego'] ?? '').replace(/obligations: \[probe[^\]]*\]/, 'obligations: [stream.hold]')
  house = await startHouse({
    providers: { one: { url: `${upstream.url}/v1` } },
    policies: { ...probed, 'main.rego': main },
  })
})
afterAll(async () => {
  await house?.stop()
  await upstream?.close()
})

async function said(method: string, path: string, body?: string): Promise<string> {
  const answer = await fetch(`${house.customhouse.data}${path}`, {
    method,
    headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body }),
  })
  expect(answer.status).toBe(404)
  return await answer.text()
}

const NAMES = /no list of models here: ask for a name .*`models`; its operator knows them/

describe('a path where nothing is served says what to do', () => {
  test.each<[string, string, RegExp]>([
    ['POST', '/anthropic/v1/v1/messages', /\/v1 twice: end the base URL in \/anthropic,/],
    ['POST', '/anthropic/v1/v1/messages/count_tokens', /\/v1 twice: end the base URL in \/anthropic,/],
    ['POST', '/anthropic/messages', /end the base URL in \/anthropic,/],
    ['POST', '/anthropic/messages/count_tokens', /end the base URL in \/anthropic,/],
    ['GET', '/anthropic/v1/models', NAMES],
    ['GET', '/anthropic/v1/models/claude-sonnet-4-5', NAMES],
    ['POST', '/anthropic/v1/messages/batches', /Batches are not served/],
    ['GET', '/openai/v1/models', NAMES],
    ['GET', '/openai/v1/models/gpt-4o', NAMES],
    ['POST', '/openai/v1/v1/chat/completions', /end the base URL in \/openai\/v1\./],
    ['POST', '/openai/v1/responses', /openai\.chat\(model\)/],
    ['GET', '/mistral/v1/models', NAMES],
    ['GET', '/azure/openai/v1/models', NAMES],
    ['GET', '/azure/openai/models', NAMES],
    [
      'POST',
      '/bedrock//model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse',
      /in \/bedrock, without a slash/,
    ],
  ])('%s %s', async (method, path, expected) => {
    expect(await said(method, path, method === 'POST' ? '{}' : undefined)).toMatch(expected)
  })

  test('and where nobody knows, nothing more', async () => {
    expect(JSON.parse(await said('GET', '/openai/v1/threads'))).toMatchObject({
      error: {
        message: expect.stringMatching(/is not served under \/openai\/v1\. What no codec reads is not relayed\.( |$)/),
      },
    })
  })
})

test('a model that is not configured: what to ask for, and whom', async () => {
  const body = JSON.stringify({ model: 'gpt-5', messages: [{ role: 'user', content: 'hello' }] })
  expect(await said('POST', '/openai/v1/chat/completions', body)).toMatch(
    /"gpt-5\\?" is not configured .* has under `models`, whole as it stands there; its operator knows them/,
  )
  expect(upstream.requests).toHaveLength(0)
})
