import { ALL, AZURE, CLASSIC, CONVERSE, COUNT, DIALECTS, type Door, INVOKE, OPENAI, TOKENS } from '../doors.ts'
import { CLAUDE } from '../names.ts'
import { kept, refused, rows, type Way } from '../row.ts'

const last =
  (text: string) =>
  (path: string): string =>
    path.replace(/\/(?=[^/]*$)/, text)
const path =
  (change: (path: string) => string, ...status: number[]) =>
  (): Way => ({ sending: { path: change }, expected: refused(...status) })
const id =
  (spelling: string, ...status: number[]) =>
  ({ good }: Door): Way => ({
    sending: { path: (usual) => usual.replace(`/${good}/`, `/${spelling}/`) },
    expected: refused(...status),
  })
const other = encodeURIComponent(`global.${CLAUDE}`)

/** Spellings of the path that a second reader could resolve to another model, host or operation. */
export const PATHS = [
  ...rows('path', [OPENAI, CONVERSE, INVOKE, CLASSIC], {
    'an escaped slash': path(last('%2F'), 404, 400),
    'a backslash': path(last('\\'), 404, 400),
    'two dots': path(last('/x/../'), 404, 400),
    'escaped dots': path(last('/x/%2e%2e/'), 404, 400),
    'parameters behind a semicolon': path((usual) => `${usual};model=fra-global`, 404, 400),
    'an escaped NUL': path((usual) => `${usual}%00.example`, 404, 400),
    'an absolute URL of another host': path((usual) => `https://us.api.openai.com${usual}`, 404),
    'an authority before it': path((usual) => `//us.api.openai.com${usual}`, 404),
    'a fragment': path((usual) => `${usual}#@us.api.openai.com`, 404, 400),
  }),
  ...rows('path', [CONVERSE, INVOKE, TOKENS], {
    'the model escaped twice': id(other.replaceAll('%', '%25'), 400, 404),
    'a second /model/': id(`fra/model/${other}`, 404, 400),
    'a slash in the model that is escaped': id(`fra%2Fmodel%2F${other}`, 404, 400),
    'the dots escaped twice': id('fra%252e%252e', 400),
    'matrix parameters on the model': id(`fra;profile=${other}`, 404, 400),
    'an escaped line break and a header': id('fra%0d%0ahost:%20us', 400),
    'an overlong slash': id('fra%c0%afx', 400),
    'a model of 3 KB': id(`fra${'x'.repeat(3_000)}`, 400),
    'no model': id('', 400, 404),
  }),
]

const forged =
  (headers: Readonly<Record<string, string>>, ...lacks: string[]) =>
  (): Way => ({
    sending: { headers },
    expected: kept(...lacks),
  })

/** Fields by which a proxy, a provider or the gateway itself could be told to go elsewhere. They do not travel. */
export const HEADERS = [
  ...rows('header', DIALECTS, {
    'host of another place': forged({ host: 'us.api.openai.com' }, 'us.api.openai.com'),
    'x-forwarded-host': forged({ 'x-forwarded-host': 'us.api.openai.com' }, 'us.api.openai.com'),
    forwarded: forged({ forwarded: 'for=1.2.3.4;host=us.api.openai.com;proto=https' }, 'us.api.openai.com'),
    'x-original-url and x-rewrite-url': forged(
      { 'x-original-url': '/openai/v1/escape', 'x-rewrite-url': '/openai/v1/escape' },
      '/escape',
    ),
    'x-customhouse-target and -provider, forged': forged(
      { 'x-customhouse-target': 'openai-us/gpt-4o', 'x-customhouse-provider': 'nva' },
      'openai-us',
      'nva',
    ),
    'x-customhouse-decision and -policy, forged': forged(
      { 'x-customhouse-decision': 'allow', 'x-customhouse-policy': 'none' },
      'x-customhouse',
    ),
  }),
  ...rows('header', [OPENAI, AZURE], {
    'openai-organization and -project of another residency': forged(
      { 'openai-organization': 'org-escape', 'openai-project': 'proj-escape' },
      '-escape',
    ),
    'azureml-model-deployment': forged({ 'azureml-model-deployment': 'escape' }, 'escape'),
    'x-goog-user-project and x-goog-request-params': forged(
      { 'x-goog-user-project': 'escape', 'x-goog-request-params': 'location=us-escape' },
      'escape',
    ),
    'ocp-apim and x-ms routing': forged(
      { 'x-ms-region': 'escape', 'ocp-apim-subscription-region': 'escape' },
      'escape',
    ),
    'helicone and portkey routing': forged(
      { 'helicone-target-url': 'https://escape.example', 'x-portkey-custom-host': 'https://escape.example' },
      'escape',
    ),
  }),
  ...rows('header', [CONVERSE], {
    'x-amz-target and -date of another region': forged(
      { 'x-amz-target': 'escape', 'x-amz-security-token': 'escape' },
      'escape',
    ),
    'x-amzn-bedrock parameters': forged(
      { 'x-amzn-bedrock-guardrailidentifier': 'escape', 'x-amzn-bedrock-performanceconfig-latency': 'escape' },
      'escape',
    ),
  }),
  ...rows('header', [INVOKE], {
    'x-amz-target': forged({ 'x-amz-target': 'escape' }, 'escape'),
    'a guardrail that is kept elsewhere': () => ({
      sending: {
        headers: { 'x-amzn-bedrock-guardrailidentifier': 'arn:aws:bedrock:us-east-1:111122223333:guardrail/x' },
      },
      expected: refused(400),
    }),
    'a profile in x-amzn-bedrock': () => ({
      sending: { headers: { 'x-amzn-bedrock-inference-profile': 'us' } },
      expected: refused(400),
    }),
  }),
  ...rows('header', [...ALL.filter(({ form }) => form === 'anthropic')], {
    'a beta that lets the provider choose another model': () => ({
      sending: { headers: { 'anthropic-beta': 'server-side-fallback-2026-06-01' } },
      expected: refused(400),
    }),
    'a beta of another region': () => ({
      sending: { headers: { 'anthropic-beta': 'inference-us-2026-01-01' } },
      expected: refused(400),
    }),
    'a version that nobody has read': () => ({
      sending: { headers: { 'anthropic-version': '2027-01-01' } },
      expected: refused(400),
    }),
    'a workspace of another residency': forged(
      { 'anthropic-workspace-id': 'wrkspc_escape', 'anthropic-organization-id': 'escape' },
      'escape',
    ),
  }),
  ...rows('HTTP/2', [...DIALECTS, COUNT], {
    ':authority of another place': () => ({
      sending: { h2: { ':authority': 'us.api.openai.com' } },
      expected: kept('us.api.openai.com'),
    }),
    ':authority and host that differ': () => ({
      sending: { h2: { ':authority': '127.0.0.1' }, headers: { host: 'us.api.openai.com' } },
      expected: refused(400),
    }),
    ':scheme https': () => ({
      sending: { h2: { ':scheme': 'https', ':authority': 'us.api.openai.com' } },
      expected: kept('us.api.openai.com'),
    }),
  }),
]

const query =
  (text: string, ...status: number[]) =>
  (): Way => ({
    sending: { path: (usual) => `${usual}${usual.includes('?') ? '&' : '?'}${text}` },
    expected: refused(...status),
  })

export const QUERIES = [
  ...rows('query', [...DIALECTS, CLASSIC], {
    'another region': query('region=us-east-1', 400),
    'another deployment': query('deployment=global', 400),
    'another host': query('base_url=https://us.api.openai.com', 400),
    'the version twice': query('api-version=2024-10-21', 400),
    'a key of another account': query('key=AIza-escape', 401),
    'a question mark within the query': query('a=/model?inference_geo=global', 400),
  }),
]
