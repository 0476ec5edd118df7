import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { Command } from 'commander'
import { jsonSchema } from '../config.ts'
import { CustomhouseError } from '../core/errors.ts'
import { packageRoot } from './root.ts'

const CONFIG = `# yaml-language-server: $schema=./customhouse.schema.json
# Every setting and its default: \`customhouse config schema --format markdown\`.
version: 1
listen: { data: "127.0.0.1:8450", admin: "127.0.0.1:8451" }
state: ./state # the ledger: back it up
keys: ./keys # signing, content and gateway keys: apart from the ledger
policy: { source: ./policies }

# Who exists. What they may do is policy data: policies/org/*.yaml.
tenants:
  claims: {}
  research: {}
  lab: {}

# Where calls can be sent. Where that is in the world comes from the catalogue (openai/eu), or is declared here.
providers:
  openai-eu:
    kind: openai
    base_url: https://eu.api.openai.com/v1
    residency: openai/eu
    credential: "\${env:OPENAI_API_KEY}"

# Names that clients ask for; policies decide which of the routes a call may take.
models:
  gpt-4o: { routes: [{ provider: openai-eu, model: gpt-4o }] }
  gpt-4o-mini: { routes: [{ provider: openai-eu, model: gpt-4o-mini }] }
  auto: { routes: [{ provider: openai-eu, model: gpt-4o-mini }] }
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
