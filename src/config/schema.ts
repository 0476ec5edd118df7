import { z } from 'zod'
import { COUNTRIES } from './country.ts'
import { parseReference } from './secret.ts'
import { DURATION, LISTEN, parseDuration, parseListen, parseSize, SIZE } from './unit.ts'

/** The longest time that a timer of Node can be set to is 2^31 - 1 ms, a little more than 24 days. */
const LONGEST = '24d'
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/
const NAME_TEXT =
  'is no name: letters, digits, ".", "-" and "_", beginning with a letter or digit, at most 63 characters'
const MODEL = /^[\x21-\x7e]{1,128}$/
const MODEL_TEXT = 'is no name of a model: 1 to 128 printable characters without spaces'

const DURATION_TEXT = 'must be a duration with its unit, such as 500ms, 30s, 5m or 24h'
const SIZE_TEXT = 'must be a size with its unit, such as 64KiB or 4MiB'
const LISTEN_TEXT = 'must be host:port, such as 127.0.0.1:8450, 0.0.0.0:8450 or [::1]:8450'
const REFERENCE_TEXT = `must be a reference to a secret, such as \${env:OPENAI_API_KEY} or \${file:/run/secrets/openai}`

function duration(least: string, most: string = LONGEST) {
  const [low, high] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0]
  return z
    .string({ error: missing(DURATION_TEXT) })
    .regex(DURATION, { error: DURATION_TEXT })
    .transform((text, context) => {
      const ms = parseDuration(text) ?? -1
      if (ms < low || ms > high) context.addIssue({ code: 'custom', message: `must be between ${least} and ${most}` })
      return ms
    })
}

function size(least: string, most: string) {
  const [low, high] = [parseSize(least) ?? 0, parseSize(most) ?? 0]
  return z
    .string({ error: missing(SIZE_TEXT) })
    .regex(SIZE, { error: SIZE_TEXT })
    .transform((text, context) => {
      const bytes = parseSize(text) ?? -1
      if (bytes < low || bytes > high)
        context.addIssue({ code: 'custom', message: `must be between ${least} and ${most}` })
      return bytes
    })
}

/** Leaves what is absent to the general text ("is required"). */
function missing(text: string) {
  return (issue: { input?: unknown }) => (issue.input === undefined ? undefined : text)
}

const listenAddress = z
  .string({ error: missing(LISTEN_TEXT) })
  .regex(LISTEN, { error: LISTEN_TEXT })
  .transform((text, context) => {
    const address = parseListen(text)
    if (address === null) context.addIssue({ code: 'custom', message: 'has a port beyond 65535' })
    return address ?? { host: '', port: 0 }
  })

const path = z.string().min(1, { error: 'must not be empty' }).max(4096)
const name = z.string().regex(NAME, { error: NAME_TEXT })
const place = z
  .string({ error: missing('must be a country code in two capitals (ISO 3166-1), or "*"') })
  .refine((code) => code === '*' || COUNTRIES.has(code), {
    error: 'must be a country code in two capitals (ISO 3166-1), or "*"',
  })

const places = (least: number) =>
  z.array(place).min(least, { error: 'must name at least one country, or "*" for anywhere' }).readonly()

const residency = z
  .union([
    z.string().regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, { error: 'must name an entry of the catalogue, such as openai/eu' }),
    z.strictObject({
      endpoint: places(1).describe('Where TLS ends.'),
      processing: places(1).describe('Where inference runs.'),
      storage: places(0).describe('Where text may be kept; `[]` declares that nothing is stored.'),
    }),
  ])
  .describe(
    'Where text goes: an entry of the catalogue (`openai/eu`), or what you declare for a host of your own. Country codes are ISO 3166-1; `"*"` declares anywhere.',
  )

const baseUrl = z
  .string()
  .transform((text, context) => {
    const fault = urlFault(text)
    if (fault !== null) context.addIssue({ code: 'custom', message: fault })
    return text.replace(/\/+$/, '')
  })
  .meta({ format: 'uri' })
  .describe(
    'Address of the API up to and with its version, such as `https://eu.api.openai.com/v1`. No credential, query or fragment.',
  )

function urlFault(text: string): string | null {
  if (!URL.canParse(text)) return 'must be a whole address, such as https://eu.api.openai.com/v1'
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must begin with https:// (or http://)'
  if (url.hostname.endsWith('.')) return 'must not end its host with a dot'
  if (url.username !== '' || url.password !== '' || text.includes('@'))
    return 'must hold no credential: use `credential`'
  if (url.search !== '' || text.includes('?')) return 'must hold no query'
  return url.hash !== '' || text.includes('#') ? 'must hold no fragment' : null
}

const reference = z
  .string({ error: missing(REFERENCE_TEXT) })
  .refine((text) => parseReference(text) !== null, { error: REFERENCE_TEXT })

const provider = z.strictObject({
  kind: z
    .enum(['openai', 'azure', 'mistral', 'anthropic', 'bedrock'])
    .describe(
      'Which adapter speaks to it: `openai` is OpenAI and every server that speaks its API, `azure` Azure OpenAI with its v1 API.',
    ),
  base_url: baseUrl
    .optional()
    .describe(
      'Address of the API as its own SDK takes it: `https://eu.api.openai.com/v1`, `https://<resource>.openai.azure.com/openai/v1`, `https://api.mistral.ai/v1`, `https://api.anthropic.com`. No credential, query or fragment. Required but for `bedrock`, whose own host in `region` is the default.',
    ),
  region: z
    .string()
    .regex(/^[a-z]{2,}(?:-[a-z]+)+-\d{1,2}$/, { error: 'must be a region of AWS, such as eu-central-1' })
    .optional()
    .describe('Region of AWS that calls are signed for. `bedrock` needs it, no other kind takes it.'),
  residency,
  credential: z
    .union([reference, z.literal('aws')], { error: missing(`${REFERENCE_TEXT}, or aws`) })
    .optional()
    .describe(
      `Reference to the secret that the adapter adds: \`\${env:NAME}\` or \`\${file:/path}\`. For \`bedrock\` it is a Bedrock API key, or \`aws\`: signed with what AWS's own chain finds (environment, profile, container, instance). Absent: nothing is added.`,
    ),
  tenant_credentials: z
    .record(name, reference)
    .optional()
    .describe(
      'Secrets by tenant, in place of `credential`. Without `credential` the tenants that are not named here cannot use this provider.',
    ),
  tls: z
    .strictObject({
      ca: path.optional().describe("File of PEM certificates to trust in place of Node's own list."),
      cert: path.optional().describe('File with our own PEM certificate (and chain), where the provider asks for one.'),
      key: reference.optional().describe('Reference to its private key, PEM.'),
    })
    .optional()
    .describe('For `https://`.'),
  proxy: z
    .enum(['none', 'env'])
    .prefault('none')
    .describe('`env`: by way of the proxy that HTTPS_PROXY and HTTP_PROXY name, but for hosts in NO_PROXY.'),
  contract: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,62}$/, { error: 'must be a lower-case word, such as baa or zdr' }))
    .readonly()
    .prefault([])
    .describe('What you declare about the contract with the provider (`baa`, `zdr`, `dpa`): facts for policies.'),
  allow_cleartext: z
    .boolean()
    .prefault(false)
    .describe(
      'Permits `http://` to a host that is not this machine. Everything, the credential too, can then be read on the way.',
    ),
  timeouts: z
    .strictObject({
      connect: duration('10ms', '5m').optional().describe('For TCP and TLS.'),
      first_byte: duration('10ms').optional().describe('Until the answer begins.'),
      idle: duration('10ms').optional().describe('Between two pieces of an answer.'),
      total: duration('10ms').optional().describe('For a whole answer.'),
    })
    .prefault({})
    .describe('Where this provider needs other times than `limits.timeouts`.'),
})

const model = z.strictObject({
  routes: z
    .array(
      z.strictObject({
        provider: z.string().describe('A name of `providers`.'),
        model: z.string().regex(MODEL, { error: MODEL_TEXT }).describe("The model's name as this provider knows it."),
      }),
    )
    .min(1, { error: 'must hold at least one route' })
    .readonly()
    .describe('Candidate targets, in the order to try them; policies permit and reorder.'),
})

const timeouts = z.strictObject({
  connection: duration('10ms').prefault('10s').describe('From the opening of a connection to its first byte.'),
  headers: duration('10ms').prefault('15s').describe('For the headers of a call.'),
  request: duration('10ms').prefault('60s').describe('For a whole call to arrive.'),
  keep_alive: duration('0ms').prefault('65s').describe('For which an unused connection stays open.'),
  inspect: duration('1ms')
    .prefault('2s')
    .describe('For each inspector to report. Beyond it the call is denied: it was not read.'),
  connect: duration('10ms', '5m').prefault('5s').describe('For TCP and TLS to a provider.'),
  first_byte: duration('10ms').prefault('2m').describe('Until a provider begins to answer.'),
  idle: duration('10ms').prefault('60s').describe('Between two pieces of an answer.'),
  total: duration('10ms').prefault('15m').describe('For a whole answer.'),
})

/** The configuration as people write it; its output has milliseconds and bytes. Defaults are written as people would write them. */
export const configSchema = z.strictObject({
  version: z.literal(1).describe('Version of this format: 1.'),
  environment: name.prefault('production').describe('What policies see as `input.context.environment`.'),
  listen: z
    .strictObject({
      data: listenAddress.prefault('127.0.0.1:8450').describe('Where clients call. Port 0 lets the system choose one.'),
      admin: listenAddress
        .prefault('127.0.0.1:8451')
        .describe('Health, metrics and administration. Keep it off public networks.'),
      tls: z
        .strictObject({
          cert: path.describe('File with the PEM certificate and its chain.'),
          key: reference.describe(`Reference to its private key, PEM: \`\${file:/run/secrets/tls-key}\`.`),
        })
        .optional()
        .describe(
          'Where it stands, the data port speaks TLS only (1.2 or newer; HTTP/2 and HTTP/1.1 by ALPN). Without it the port speaks both in clear text.',
        ),
    })
    .prefault({}),
  state: path.prefault('./state').describe('Folder of the ledger and of caches. Back it up.'),
  keys: path
    .prefault('./keys')
    .describe('Folder of signing, content and gateway keys: apart from `state`, since erasure destroys keys.'),
  policy: z
    .strictObject({
      source: path.optional().describe('Folder of Rego sources, compiled at start and at each reload.'),
      bundle: path.optional().describe('A bundle file, built by `customhouse policy build` or by `opa build -t wasm`.'),
    })
    .prefault({ source: './policies' })
    .describe('Exactly one of `source` and `bundle`.'),
  reload: z
    .strictObject({
      every: duration('100ms', '1h')
        .prefault('2s')
        .describe('How often the content of configuration, policies and secret files is compared.'),
    })
    .prefault({}),
  controls: z
    .array(
      z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, {
        error: 'must be the name of a package under data.controls, such as residency',
      }),
    )
    .readonly()
    .prefault([])
    .describe('Controls that must say `satisfied`, besides those that the policy itself requires.'),
  tenants: z
    .record(name, z.strictObject({}))
    .describe('Who exists. What they may do is policy data, not configuration: each value is `{}`.'),
  identity: z
    .strictObject({
      gateway_keys: z.boolean().prefault(true).describe('Accepts the keys that `customhouse keys create` makes.'),
      sigv4: z
        .boolean()
        .prefault(false)
        .describe(
          "Accepts calls that AWS SDKs sign (Signature Version 4) with a gateway key's own pair: `customhouse keys aws <id>`.",
        ),
    })
    .prefault({}),
  providers: z.record(name, provider).describe('Where calls can be sent.'),
  models: z
    .record(z.string().regex(MODEL, { error: MODEL_TEXT }), model)
    .describe('Names that clients ask for, and the targets that each of them stands for.'),
  audit: z
    .strictObject({
      checkpoint_every: duration('100ms', '1h')
        .prefault('10s')
        .describe('How often a signed checkpoint is written while records arrive.'),
      log: z
        .string()
        .regex(/^[^\s+]{1,200}$/, {
          error: 'must be 1 to 200 characters without spaces and "+" (C2SP signed-note origin)',
        })
        .optional()
        .describe('Name of the log, `organisation/node`, unique to each gateway. Default: `customhouse/<hostname>`.'),
    })
    .prefault({}),
  limits: z
    .strictObject({
      body: size('1KiB', '1GiB').prefault('4MiB').describe('Largest body of a call.'),
      headers: size('1KiB', '1MiB').prefault('32KiB').describe('Largest header section of a call.'),
      connections: z
        .int()
        .min(1, { error: 'must be at least 1' })
        .max(1_000_000, { error: 'must be at most 1000000' })
        .optional()
        .describe(
          'Connections to the data port at one time; further ones are closed at once. Absent: as many as the system has.',
        ),
      streams: z
        .int()
        .min(1, { error: 'must be at least 1' })
        .max(10_000, { error: 'must be at most 10000' })
        .prefault(128)
        .describe('Calls at one time on one HTTP/2 connection.'),
      in_flight_bytes: size('1MiB', '64GiB')
        .prefault('256MiB')
        .describe(
          'Bodies in memory at one time, half of it for one tenant; beyond it callers get 503 and Retry-After.',
        ),
      answer: size('1KiB', '1GiB').prefault('32MiB').describe('Largest answer of a provider.'),
      held_characters: z
        .int()
        .min(1024, { error: 'must be at least 1024' })
        .max(268_435_456, { error: 'must be at most 268435456' })
        .prefault(1_048_576)
        .describe('Longest answer (UTF-16 units) that is held back whole for inspection.'),
      timeouts: timeouts.prefault({}),
    })
    .prefault({}),
  drain: z
    .strictObject({
      pre_stop_delay: duration('0ms', '10m')
        .prefault('0s')
        .describe('After SIGTERM: not ready any more, but still answering, so that load balancers notice.'),
      timeout: duration('0ms').prefault('10m').describe('For open streams to end.'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
        .prefault('info')
        .describe('The least that is logged.'),
      format: z.enum(['json', 'pretty']).prefault('json').describe('One JSON object a line, or text for people.'),
    })
    .prefault({}),
})

export type Parsed = z.output<typeof configSchema>

/** JSON Schema (2020-12) of the configuration, for editors and for `customhouse config schema`. */
export function jsonSchema(): z.core.JSONSchema.JSONSchema {
  const { $schema, ...rest } = z.toJSONSchema(configSchema, { io: 'input' })
  return {
    ...($schema === undefined ? {} : { $schema }),
    title: 'Customhouse configuration, version 1',
    ...rest,
  }
}
