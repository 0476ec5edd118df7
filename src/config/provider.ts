import { z } from 'zod'
import { COUNTRIES } from './country.ts'
import { duration, missing, name, path, REFERENCE_TEXT, reference } from './value.ts'

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

/** One provider: where it is, what is added to a call, how long it may take. */
export const provider = z.strictObject({
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
  project: z
    .string()
    .regex(/^[A-Z]{2,8}(_[A-Z]+)*$/, { error: 'must be the residency of a project, such as EU_STORAGE_PROCESSING' })
    .optional()
    .describe(
      "The residency with which OpenAI's project of the credential was created (`EU_STORAGE_PROCESSING`, `GB_STORAGE`, `GLOBAL`): storage follows it.",
    ),
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
