import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Json } from '../../src/core/json.ts'
import { type House, OFF, RESTLESS, ROOT, startHouse } from '../house.ts'
import { hangUp, type RecordedRequest, type Recorder, type Script, startRecorder } from '../kit/index.ts'
import { CASES, makeProbe, type Probe, probePolicies } from '../probe.ts'
import { openaiVoice, type Voice } from './voice.ts'

/** What the gateway adds for each provider, so that the client's own key is seen to stay behind. */
export const PROVIDER_CREDENTIAL = 'sk-the-provider-key'

export type Trail = readonly Readonly<{ kind: string; body: Readonly<Record<string, unknown>> }>[]

/** A gateway between an SDK and three recorders: the shipped policies, and the probe's beside them. */
export type Scene = Readonly<{
  voice: Voice
  house: House
  probe: Probe
  recorders: Readonly<Record<Place, Recorder>>
  /** What the drivers' calls go over, where it is not the global `fetch`. */
  send?: typeof fetch
  /** Everything that arrived anywhere since the last {@link Scene.play}. */
  arrived(): readonly RecordedRequest[]
  /** Sets what the recorders answer, and forgets what arrived. What has no script hangs up. */
  play(scripts: Readonly<Partial<Record<Place, Script | ((index: number) => Script)>>>): void
  /** Records of a call, once as many as `count` are durable (default 1). */
  trailOf(call: string | null | undefined, count?: number): Promise<Trail>
  close(): Promise<void>
}>
export type Place = 'eu' | 'fr' | 'us'

/** Models: `gpt-4o` runs in the EU, `gpt-4o-mini` in the EU with a fallback, `auto` in the US, where the tenant may not go. */
export async function startScene(
  voice: Voice = openaiVoice,
  config: Readonly<Record<string, Json>> = {},
): Promise<Scene> {
  const recorders = {
    eu: await startRecorder({ answer: () => hangUp }),
    fr: await startRecorder({ answer: () => hangUp }),
    us: await startRecorder({ answer: () => hangUp }),
  }
  const probe = makeProbe()
  const places = { eu: 'DE', fr: 'FR', us: 'US' }
  const secrets = mkdtempSync(join(tmpdir(), 'customhouse-secrets-'))
  writeFileSync(join(secrets, 'provider'), PROVIDER_CREDENTIAL, { mode: 0o600 })
  const house = await startHouse({
    providers: {},
    config: {
      providers: Object.fromEntries(
        Object.entries(places).map(([name, country]) => [
          name,
          {
            ...voice.provider,
            base_url: `${recorders[name as Place].url}${voice.base}`,
            credential: `\${file:${join(secrets, 'provider')}}`,
            residency: { endpoint: [country], processing: [country], storage: [country] },
          },
        ]),
      ),
      models: Object.fromEntries(
        Object.entries({
          'gpt-4o': ['eu'],
          'gpt-4o-mini': ['eu', 'fr'],
          auto: ['us'],
        }).map(([model, routes]) => [model, { routes: routes.map((provider) => ({ provider, model: voice.model })) }]),
      ),
      limits: { breaker: RESTLESS },
      ...config,
    },
    policies: shippedAndProbe(),
    plugins: [probe],
  })
  const from: Record<Place, number> = { eu: 0, fr: 0, us: 0 }
  const all = Object.entries(recorders) as [Place, Recorder][]
  const trailOf: Scene['trailOf'] = async (call, count = 1) => {
    for (const deadline = performance.now() + 2000; ; await sleep(10)) {
      const trail = (await house.records())
        .filter((record) => typeof call === 'string' && record.call === call)
        .map(({ kind, body }) => ({ kind, body }))
      if (trail.length >= count || performance.now() > deadline) return trail
    }
  }
  return {
    voice,
    house,
    probe,
    recorders,
    arrived: () => all.flatMap(([place, { requests }]) => requests.slice(from[place])),
    play: (scripts) => {
      for (const [place, recorder] of all) {
        const start = recorder.requests.length
        from[place] = start
        const script = scripts[place] ?? hangUp
        recorder.script((_, index) => (typeof script === 'function' ? script(index - start) : script))
      }
    },
    trailOf,
    close: async () => {
      await house.stop()
      for (const [, recorder] of all) await recorder.close()
      rmSync(secrets, { recursive: true })
    },
  }
}

/** Every shipped policy that is no test, by path. `off`: nothing is taken out of what is sent, for tests of other things. Default: off. */
export function shippedPolicies(redaction: 'shipped' | 'off' = 'off'): Record<string, string> {
  const folder = join(ROOT, 'policies')
  const shipped: Record<string, string> = Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:rego|yaml|json)$/.test(name) && !name.endsWith('_test.rego'))
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  )
  return redaction === 'shipped' ? shipped : { ...shipped, 'org/redaction.yaml': OFF }
}

/** The shipped policies, with the probe's control required besides. */
function shippedAndProbe(): Record<string, string> {
  const shipped = shippedPolicies()
  const main = (shipped['main.rego'] ?? '')
    .replace(/controls: \[([^\]]*)\]/, 'controls: [$1, probe]')
    .replace(/obligations: \[([^\]]*)\]/, 'obligations: [$1, probe.redact, probe.mask, probe.quota, stream.hold]')
  return { ...probePolicies(CASES), ...shipped, 'main.rego': main }
}

/** A layer below an SDK that counts what it sends and keeps what came back. */
export type Counted = Readonly<{
  fetch: typeof fetch
  /** Calls that the SDK made over the wire, with the gateway's call id of each answer. */
  calls: { status: number; call: string | null; requestId: string | null; at: number }[]
}>

export function counting(idHeader = 'x-request-id', send: typeof fetch = fetch): Counted {
  const calls: Counted['calls'] = []
  return {
    calls,
    fetch: async (input, init) => {
      const at = performance.now()
      const entry = { status: 0, call: null as string | null, requestId: null as string | null, at }
      calls.push(entry)
      const response = await send(input, init)
      entry.status = response.status
      entry.call = response.headers.get('x-customhouse-call')
      entry.requestId = response.headers.get(idHeader)
      return response
    },
  }
}

/** Headers of a recorded request, by name in lower case; a name that stands twice throws. */
export function headersOf(request: RecordedRequest): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of request.headers) {
    const lower = name.toLowerCase()
    if (lower in headers) throw new Error(`the header ${lower} arrived twice`)
    headers[lower] = value
  }
  return headers
}
