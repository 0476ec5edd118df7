import { once } from 'node:events'
import { ConverseCommand, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ground, layGround } from '../house.ts'
import { sign } from '../identity/wire.ts'
import {
  converseAnswer,
  converseStream,
  type RecordedRequest,
  type Recorder,
  startRecorder,
  stream,
  whole,
} from '../kit/index.ts'
import { type Served, serve } from '../serve.ts'
import { awsClient } from './bedrock-aws.ts'

/** The shipped process with `credential: aws`: it signs with the pair of its environment what it sends, which is never what the client signed. */

const PAIR = { accessKeyId: 'ASIATHEGATEWAYSOWN', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
const TOKEN = 'IQoJb3JpZ2luX2VjEJr//wEaDGV1=='
const MODEL = 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0'

let recorder: Recorder
let ground: Ground
let served: Served
beforeAll(async () => {
  recorder = await startRecorder({
    answer: ({ path }) =>
      path.endsWith('/converse-stream')
        ? stream(converseStream({ texts: ['signed and sealed'] }), {
            fields: { 'content-type': 'application/vnd.amazon.eventstream' },
          })
        : whole(converseAnswer({ texts: ['signed and sealed'] })),
  })
  ground = await layGround({
    providers: {},
    config: {
      providers: {
        bedrock: {
          kind: 'bedrock',
          region: 'eu-central-1',
          credential: 'aws',
          base_url: recorder.url,
          residency: { endpoint: ['DE'], processing: ['DE'], storage: [] },
        },
      },
      models: { 'gpt-4o': { routes: [{ provider: 'bedrock', model: MODEL }] } },
    },
  })
  served = await serve(ground, {
    env: {
      AWS_ACCESS_KEY_ID: PAIR.accessKeyId,
      AWS_SECRET_ACCESS_KEY: PAIR.secretAccessKey,
      AWS_SESSION_TOKEN: TOKEN,
      AWS_EC2_METADATA_DISABLED: 'true',
    },
  })
})
afterAll(async () => {
  if (served !== undefined && served.child.exitCode === null) {
    served.child.kill('SIGTERM')
    await once(served.child, 'exit')
  }
  ground?.remove()
  await recorder?.close()
})

/** The header `authorization` that AWS's own signer makes for what arrived. */
async function expected(request: RecordedRequest, secretAccessKey: string): Promise<string | undefined> {
  const names = /SignedHeaders=([\w;-]+)/.exec(request.header('authorization') ?? '')?.[1]?.split(';') ?? []
  const made = new Set(['x-amz-date', 'x-amz-security-token'])
  const headers = Object.fromEntries(
    names.filter((name) => !made.has(name)).map((name) => [name, request.header(name) ?? '']),
  )
  const at = (request.header('x-amz-date') ?? '').replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const { presented } = await sign(
    { ...PAIR, secretAccessKey },
    { path: request.path, headers, body: request.body.toString(), at: new Date(at), sessionToken: TOKEN },
  )
  return presented.proof.authorization
}

test('a signature over what arrives, whole and streamed', async () => {
  const client = awsClient({
    key: ground.key,
    baseURL: `${new URL(served.baseURL).origin}/bedrock`,
    retries: 0,
    calls: [],
  })
  const asked = { modelId: 'gpt-4o', messages: [{ role: 'user' as const, content: [{ text: 'Grüße, 世界 🌍' }] }] }
  try {
    const { output } = await client.send(new ConverseCommand(asked))
    expect(output?.message?.content?.[0]?.text).toBe('signed and sealed')
    let text = ''
    const answer = await client.send(new ConverseStreamCommand(asked))
    for await (const { contentBlockDelta } of answer.stream ?? []) text += contentBlockDelta?.delta?.text ?? ''
    expect(text).toBe('signed and sealed')
  } finally {
    client.destroy()
  }
  expect(recorder.requests.map(({ path }) => path)).toEqual([
    `/model/${encodeURIComponent(MODEL)}/converse`,
    `/model/${encodeURIComponent(MODEL)}/converse-stream`,
  ])
  for (const request of recorder.requests) {
    expect(JSON.parse(request.body.toString())).toEqual({ messages: asked.messages })
    expect(request.wire.includes(ground.key)).toBe(false)
    const authorization = request.header('authorization')
    expect(authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=ASIATHEGATEWAYSOWN\/\d{8}\/eu-central-1\/bedrock\//)
    expect(authorization).toMatch(/SignedHeaders=[^,]*\bhost;[^,]*\bx-amz-security-token\b/)
    expect(request.header('x-amz-security-token')).toBe(TOKEN)
    expect(authorization).toBe(await expected(request, PAIR.secretAccessKey))
    expect(authorization).not.toBe(await expected(request, 'another secret'))
  }
  expect(JSON.stringify(served.log)).not.toContain(PAIR.secretAccessKey)
})
