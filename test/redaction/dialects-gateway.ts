import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import type { Json } from '../../src/core/json.ts'
import { shippedPolicies } from '../e2e/scene.ts'
import type { HouseOptions } from '../house.ts'
import { type ReadRequest, type Recorder, type Script, type Speech, startRecorder } from '../kit/index.ts'
import { CLIENTS } from './dialects-clients.ts'

/** What a gateway with the shipped policies stands between: every SDK, and one recorder that is every provider. */

export const TOKEN = /[A-Z][A-Z_]*_\d+[A-Z]*_[0-9a-z]{4}/g

/** What a provider got: all tokens in it, once each, and what its user said last. */
export type Got = Readonly<{ tokens: readonly string[]; said: string; streamed: boolean }>

export type Upstream = Readonly<{
  recorder: Recorder
  /** What is said from now on; default: what was said, all tokens, and both as the arguments of two tools. */
  speak(speech: (got: Got) => Speech): void
  /** Answers of any kind, from now on. */
  play(script: (got: Got, request: ReadRequest) => Script): void
  /** Bytes of the requests since the last call of this, as text. */
  sent(): string
  /** For a house: providers and models. */
  options(more?: HouseOptions['config']): HouseOptions
  close(): Promise<void>
}>

export const echo = ({ said, tokens }: Got): Speech => ({
  texts: [`${said}\n${tokens.join(' , ')}`],
  tools: ['send_mail', 'publish'].map((name, index) => ({
    id: `callB123${index}`,
    name,
    arguments: JSON.stringify({ text: said, 'to "all"': tokens }),
  })),
})

/** The token that is to be carried away: of the first mail address. */
export const heldToken = (tokens: readonly string[]): string =>
  tokens.find((token) => token.startsWith('EMAIL_1_')) ?? 'no token was sent'

type Message = Readonly<{ role: string; content: string | readonly Readonly<{ text?: string }>[] }>

function gotOf({ body, path }: ReadRequest): Got {
  const text = body.toString()
  const asked = JSON.parse(text) as Readonly<{ stream?: boolean; messages: readonly Message[] }>
  const content = asked.messages.findLast(({ role }) => role === 'user')?.content ?? ''
  const said = typeof content === 'string' ? content : (content.at(-1)?.text ?? '')
  return {
    tokens: [...new Set(text.match(TOKEN))],
    said,
    streamed: asked.stream === true || /-stream$/.test(path),
  }
}

const VOICES = new Map(CLIENTS.map(({ voice, model }) => [model, voice]))

/** Each provider has its own address, so that its requests can be told apart. */
const baseOf = (model: string, base: string): string => `/at-${model}${base}`

/** `research` has the profile for health, which gives originals to one tool alone, `claims` has none, and `lab` the default. */
const TENANTS = 'tenants: { research: { profile: health, tools: { send_mail: all } }, claims: { profile: "off" } }'

/** `tenants`: of the policy's data of redaction. */
export async function openUpstream(tenants = TENANTS): Promise<Upstream> {
  const secrets = mkdtempSync(join(tmpdir(), 'customhouse-secrets-'))
  writeFileSync(join(secrets, 'provider'), 'the-provider-key', { mode: 0o600 })
  const voiced = (speech: (got: Got) => Speech) => (got: Got, request: ReadRequest) => {
    const voice = VOICES.get(/^\/at-([^/]+)/.exec(request.path)?.[1] ?? '')
    if (voice === undefined) throw new Error(`nobody is at ${request.path}`)
    return voice.speak(speech(got), got.streamed)
  }
  let script = voiced(echo)
  const recorder = await startRecorder({ answer: (request) => script(gotOf(request), request) })
  let from = 0
  const policies = shippedPolicies('shipped')
  const org = policies['org/redaction.yaml'] ?? ''
  if (!org.includes('tenants: {}')) throw new Error('the shipped data of redaction lists tenants of its own')
  const providers = Object.fromEntries(
    [...VOICES].map(([model, voice]): [string, Json] => [
      `at-${model}`,
      {
        ...voice.provider,
        base_url: recorder.url + baseOf(model, voice.base),
        credential: `\${file:${join(secrets, 'provider')}}`,
        residency: { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] },
      },
    ]),
  )
  const models = Object.fromEntries(
    [...VOICES].map(([model, voice]): [string, Json] => [
      model,
      { routes: [{ provider: `at-${model}`, model: voice.model }] },
    ]),
  )
  return {
    recorder,
    speak: (speech) => {
      script = voiced(speech)
    },
    play: (next) => {
      script = next
    },
    sent: () => {
      const requests = recorder.requests.slice(from)
      from = recorder.requests.length
      return requests.map(({ wire }) => wire.toString()).join('\n')
    },
    options: (more = {}) => ({
      providers: {},
      tenant: 'lab',
      policies: { ...policies, 'org/redaction.yaml': org.replace('tenants: {}', tenants) },
      config: { providers, models, limits: { breaker: { failures: 1000, retry_after: '1s' } }, ...more },
    }),
    close: async () => {
      await recorder.close()
      rmSync(secrets, { recursive: true })
    },
  }
}

/** Waits until a gateway, which follows its store of keys, knows one that is new. */
export async function known(data: string, key: string): Promise<void> {
  await vi.waitFor(
    async () => {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
      const body = '{"model":"nobodys","messages":[]}'
      const { status } = await fetch(`${data}/openai/v1/chat/completions`, { method: 'POST', headers, body })
      if (status === 401) throw new Error('the key is not known yet')
    },
    { timeout: 10_000 },
  )
}
