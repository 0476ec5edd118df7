import { ALL, ANTHROPIC, AZURE, CLASSIC, CONVERSE, INVOKE, MISTRAL, OCI, OPENAI, TOKENS, VERTEX } from '../doors.ts'
import { arn, CLAUDE } from '../names.ts'
import { denied, refused, rows, type Way } from '../row.ts'

const to =
  (model: string, rule = 'residency/'): (() => Way) =>
  () => ({ model, expected: denied(rule) })
const named =
  (model: string | ((good: string) => string), ...status: number[]) =>
  (door: { good: string }): Way => ({
    model: typeof model === 'string' ? model : model(door.good),
    expected: refused(...(status.length === 0 ? [404] : status)),
  })

/** Another name for a model, and names that another reader could take for a permitted one. */
export const ALIASES = [
  ...rows('alias', ALL, {
    'a name whose only route is forbidden': ({ bad }) => ({ model: bad, expected: denied('residency/') }),
  }),
  ...rows('alias', [OPENAI], {
    'a name that says Europe and leads to America': to('europe/gpt-4o', 'residency/endpoint'),
    'a permitted name in capitals, which is another one': to('EU', 'residency/endpoint'),
    'a permitted name with a dot, which is another one': to('eu.', 'residency/endpoint'),
    'the name of the model as the provider knows it': to('gpt-4o', 'residency/endpoint'),
  }),
  ...rows('alias', [OPENAI, ANTHROPIC, CONVERSE, INVOKE, CLASSIC], {
    'a space behind': named((good) => `${good} `, 404, 400),
    'a provider before it': named((good) => `openai-us/${good}`),
    'a zero-width space in it': named((good) => `${good.slice(0, 1)}\u200b${good.slice(1)}`, 404, 400),
    'letters of full width': named(
      (good) => good.replace(/[a-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)),
      404,
      400,
    ),
    'a wildcard': named('*', 404, 400),
  }),
]

/** Places that the model's name decides at Bedrock: the operator's alias stands for it, or the client names it in the path. */
const PROFILES: Readonly<Record<string, string>> = {
  'global.': 'fra-global',
  'us. from Frankfurt': 'fra-us',
  'apac. from Frankfurt': 'fra-apac',
  'ca., which nobody knows there': 'fra-ca',
  'us-gov.': 'fra-us-gov',
  'jp. from Frankfurt': 'fra-jp',
  'a prefix that does not exist': 'fra-emea',
  'one prefix behind the other': 'fra-eu-global',
  'a vendor that nobody knows': 'fra-vendor',
  'a model of the marketplace': 'fra-marketplace',
  'eu. from London, which goes on to London': 'lon-eu',
  'apac. from Tokyo': 'tyo-apac',
  'global. at a host of our own that is declared': 'own-global',
  'the region by its FIPS host': 'fips-nva',
  'in America, by its name alone': 'nva',
  'in London, by its name alone': 'lon',
}
const ARNS: Readonly<Record<string, string>> = {
  'a foundation model of another region': 'arn-foundation-us',
  'a foundation model with an account': 'arn-foundation-account',
  'the profile us.': 'arn-profile-us',
  'the profile global.': 'arn-profile-global',
  'the profile eu. of another region': 'arn-profile-elsewhere',
  'a profile that is none': 'arn-profile-region',
  'an application inference profile': 'arn-application',
  'a prompt': 'arn-prompt',
  'a prompt router': 'arn-router',
  'a default prompt router': 'arn-default-router',
  'provisioned throughput of another region': 'arn-provisioned-us',
  'a deployment of a custom model in another region': 'arn-deployment-us',
  'an imported model of another region': 'arn-imported-us',
  'a custom model, which is no deployment': 'arn-custom',
  'another partition': 'arn-partition',
  'the partition of China': 'arn-china',
  "somebody else's account": 'arn-other-account',
  'another service of AWS': 'arn-marketplace',
  capitals: 'arn-upper',
}
const ways = (models: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(models).map(([way, model]) => [way, (): Way => ({ model, expected: denied('residency/') })]),
  )

export const BEDROCK_NAMES = [
  ...rows('inference profile', [CONVERSE, INVOKE, TOKENS], ways(PROFILES)),
  ...rows('inference profile', [CONVERSE, INVOKE], {
    'eu. from Zurich, for a tenant of Switzerland': () => ({
      tenant: 'swiss',
      model: 'zrh-eu',
      expected: denied('residency/'),
      twin: { tenant: 'swiss', model: 'zrh' },
    }),
    'eu. from Zurich, which goes on to London': () => ({ model: 'zrh-eu', expected: denied('residency/') }),
    'eu. from London, for a tenant of Britain': () => ({
      tenant: 'british',
      model: 'lon-eu',
      expected: denied('residency/'),
      twin: { tenant: 'british', model: 'lon' },
    }),
    'eu. from Frankfurt, for a tenant of Switzerland': () => ({
      tenant: 'swiss',
      model: 'fra-eu',
      expected: denied('residency/'),
      twin: { tenant: 'swiss', model: 'zrh' },
    }),
    'the profile in the path, past the alias': () => ({ model: `global.${CLAUDE}`, expected: refused(404) }),
  }),
  ...rows('ARN', [CONVERSE, INVOKE], ways(ARNS)),
  ...rows('ARN', [CONVERSE, INVOKE], {
    'an ARN in the path, past the alias': () => ({
      model: arn('application-inference-profile', 'abcdefghij12'),
      expected: refused(404),
    }),
  }),
]

/** Clouds where the name decides as well. */
export const CLOUD_NAMES = [
  ...rows('deployment', [AZURE, CLASSIC], {
    'of the type GlobalStandard': to('azure-global', 'residency/'),
    'of the type Developer': to('azure-developer', 'residency/'),
    'of the type GlobalBatch': to('azure-batch', 'residency/'),
    'of the right type at a resource in America': to('azure-us', 'residency/'),
    'of a data zone, from America': to('azure-us-zone', 'residency/'),
    'at another host of the resource': to('azure-alt', 'residency/'),
  }),
  ...rows('catalogue gap', [AZURE, CLASSIC], {
    'a deployment that is in no row': to('azure-unlisted', 'base/unknown-residency'),
    'a deployment in another case than its row': to('azure-Standard', 'base/unknown-residency'),
  }),
  ...rows('vendor of the model', [OCI], {
    'Google processes it': to('oci-gemini', 'base/unknown-residency'),
    'xAI processes it': to('oci-grok', 'base/unknown-residency'),
    'OpenAI processes it': to('oci-gpt', 'base/unknown-residency'),
  }),
  ...rows('catalogue gap', [OCI], {
    'an OCID, which hides the model': to('oci-ocid', 'base/unknown-residency'),
    'a vendor that is in no row': to('oci-unknown', 'base/unknown-residency'),
    'a region without generative AI': to('oci-madrid', 'base/unknown-residency'),
  }),
  ...rows('location', [VERTEX], {
    'the multi-region us': to('vertex-us', 'residency/'),
    global: to('vertex-global', 'base/unknown-residency'),
    'a region, for a model without a promise': to('vertex-region', 'base/unknown-residency'),
    'another location in the path than in the host': to('vertex-mixed', 'base/unknown-residency'),
    'two locations in the path': to('vertex-twice', 'base/unknown-residency'),
  }),
  ...rows('host', [OPENAI], {
    'without a region': to('global', 'base/unknown-residency'),
    'of the Emirates, where TLS ends nobody knows': to('ae', 'base/unknown-residency'),
    'of Japan': to('jp', 'residency/endpoint'),
    'of Australia': to('au', 'residency/endpoint'),
    'of India': to('in', 'residency/endpoint'),
  }),
  ...rows('one facet', [OPENAI], {
    'text is kept in America': to('kept-in-us', 'residency/storage'),
    'TLS ends in America': to('tls-in-us', 'residency/endpoint'),
  }),
  ...rows('host', [MISTRAL], {
    'without a region': to('mistral-api', 'base/unknown-residency'),
    'of Europe, whose storage nobody knows': to('mistral-eu', 'base/unknown-residency'),
  }),
]
