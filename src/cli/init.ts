import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { Command } from 'commander'
import { jsonSchema } from '../config.ts'
import { CustomhouseError } from '../core/errors.ts'
import { packageRoot } from './root.ts'

/** What stands behind a `#` without a space, or with two and more, is configuration: it is valid as it stands when the `#` is taken away. */
const CONFIG = `# yaml-language-server: $schema=./customhouse.schema.json
# Every setting and its default: \`customhouse config schema --format markdown\`. Take the # away from what you need.
version: 1
listen:
  data: "127.0.0.1:8450" # HTTP/1.1 and HTTP/2, in clear text unless there is a certificate:
#  tls: { cert: ./tls/chain.pem, key: "\${file:./tls/key.pem}" }
  admin: "127.0.0.1:8451"
state: ./state # the ledger: back it up
keys: ./keys # signing, content and gateway keys: apart from the ledger
policy:
  source: ./policies
  # Calls whose verdict is known: a version that judges one otherwise is not activated.
  canaries:
    deny: [{ tenant: claims, model: gpt-4o, task: no-such-task }]
# A call that must always be allowed. It also keeps back a policy that suspends all of its model's providers.
#    allow: [{ tenant: claims, model: gpt-4o }]

# For clients that can only sign their calls as AWS's SDKs do: \`customhouse keys aws <id>\` gives a key its pair.
#identity: { sigv4: true }

# Who exists. What they may do is policy data: policies/org/*.yaml.
tenants:
  claims: {}
  research: {}
  lab: {}

# What \`customhouse residency import azure deployments.json --account account.json --into residency.json\` has made.
#residency: { catalogue: [./residency.json] }

# Where calls can be sent. Where that is in the world comes from the catalogue (openai/eu), or is declared here.
providers:
  openai-eu:
    kind: openai
    base_url: https://eu.api.openai.com/v1
    residency: openai/eu
    credential: "\${env:OPENAI_API_KEY}"
# Signed with what AWS's own chain finds. Which countries infer is told by the model's name: eu.* is several.
#  bedrock-eu:
#    kind: bedrock
#    region: eu-central-1
#    residency: bedrock/eu-central-1
#    credential: aws
# Azure's deployments run where their type says, which no address tells: \`customhouse residency import azure\` reads it from what az prints.
#  azure-sweden:
#    kind: azure
#    base_url: https://my-resource.openai.azure.com/openai/v1
#    residency: azure/my-resource
#    credential: "\${env:AZURE_OPENAI_API_KEY}"
# Mistral promises inference in the region, and nothing else. What you declare, your contract must say.
#  mistral-eu:
#    kind: mistral
#    base_url: https://api.eu.mistral.ai/v1
#    residency: { endpoint: ["*"], processing: ["*"], storage: ["*"] }
#    credential: "\${env:MISTRAL_API_KEY}"
# Anthropic promises no place: only tenants that may use "*" get there. Each tenant can have a key of its own.
#  anthropic:
#    kind: anthropic
#    base_url: https://api.anthropic.com
#    residency: { endpoint: ["*"], processing: ["*"], storage: ["*"] }
#    tenant_credentials: { lab: "\${env:ANTHROPIC_API_KEY}" }

# Names that clients ask for; policies decide which of the routes a call may take. A call goes to providers of its own dialect.
models:
  gpt-4o: { routes: [{ provider: openai-eu, model: gpt-4o }] }
  gpt-4o-mini: { routes: [{ provider: openai-eu, model: gpt-4o-mini }] }
  auto: { routes: [{ provider: openai-eu, model: gpt-4o-mini }] }
#  claude-sonnet-4-5:
#    routes:
#      - { provider: bedrock-eu, model: eu.anthropic.claude-sonnet-4-5-20250929-v1:0 }
#      - { provider: anthropic, model: claude-sonnet-4-5-20250929 }
#  mistral-large:
#    routes:
#      - { provider: mistral-eu, model: mistral-large-latest }
#      - { provider: azure-sweden, model: my-deployment }
`

const IGNORED = ['/keys/', '/state/', '.env']

export function initCommand(): Command {
  return new Command('init')
    .description('Writes customhouse.yaml, its schema, the policies and a .gitignore.')
    .argument('[folder]', 'where to', '.')
    .option('--force', 'overwrite what is there')
    .addHelpText('after', '\nExamples:\n  customhouse init\n  customhouse init ./gateway --force\n')
    .action(init)
}

async function init(name: string, options: { force?: true }): Promise<void> {
  const folder = resolve(name)
  const there = ['customhouse.yaml', 'customhouse.schema.json', 'policies'].filter((one) =>
    existsSync(join(folder, one)),
  )
  if (there.length > 0 && !options.force) {
    throw new CustomhouseError(
      'ERR_CLI_USAGE',
      `${folder} already holds ${there.join(', ')}: nothing was written. --force overwrites.`,
    )
  }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'customhouse.yaml'), CONFIG)
  await writeFile(join(folder, 'customhouse.schema.json'), `${JSON.stringify(jsonSchema(), null, 2)}\n`)
  await cp(join(packageRoot(), 'policies'), join(folder, 'policies'), { recursive: true, force: true })
  await ignore(join(folder, '.gitignore'))
  const way = relative(process.cwd(), folder)
  const shown = way.startsWith('..') ? folder : way
  process.stderr.write(
    `Wrote customhouse.yaml, customhouse.schema.json, policies/ and .gitignore${shown === '' ? '' : ` in ${shown}`}.\n` +
      'The provider in it reads its key from $OPENAI_API_KEY. Next:\n\n',
  )
  const into = shown === '' ? '' : `cd ${/^[\w./-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`}\n`
  process.stdout.write(
    `${into}customhouse check\ncustomhouse keys create --tenant claims --name my-first-app\ncustomhouse serve\n`,
  )
}

/** Adds what is missing: lines that are there are somebody's own. */
async function ignore(file: string): Promise<void> {
  const before = existsSync(file) ? await readFile(file, 'utf8') : ''
  const lines = before.split('\n').map((line) => line.trim())
  const missing = IGNORED.filter((line) => !lines.includes(line))
  const gap = before === '' || before.endsWith('\n') ? '' : '\n'
  if (missing.length > 0) await writeFile(file, `${before}${gap}${missing.join('\n')}\n`)
}
