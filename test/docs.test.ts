import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MOUNTS } from '../src/compose/mounts.ts'
import { ROOT } from './house.ts'
import { hasShell, openSession, type Session } from './session.ts'

/** The documents, held against the house: the README's blocks run in order as one session, and every link, path and named test exists. */

const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8')
const readme = read('README.md')

type Block = Readonly<{ language: string; text: string; line: number; before: string }>

function blocksOf(text: string): readonly Block[] {
  const lines = text.split('\n')
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length
    const before = lines.slice(0, line - 1).findLast((one) => one.trim() !== '') ?? ''
    return { language: match[1] ?? '', text: match[2] ?? '', line, before }
  })
}

const blocks = blocksOf(readme)

/** The two commands that set a clone up are not run from inside the tests that they run. */
const SET_UP: Readonly<Record<string, string | null>> = {
  'npm run demo': `(cd '${ROOT}' && customhouse demo --once)`,
  'npm test': null,
}

/** What differs from run to run. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/[\t\r ]+$/gm, ''],
  [/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>'],
  [/\b[0-9a-f]{64}\b/g, '<digest>'],
  [/\b[0-9a-f]{12}\b/g, '<digest>'],
  // How many there are is for the policies to say; that all of them pass is not.
  [/\b(\d+) of \1 tests\b/g, 'all tests'],
  [/\b\d+ (files|packages)\b/g, '<n> $1'],
]

const plain = (text: string): string => VARYING.reduce((sofar, [pattern, word]) => sofar.replace(pattern, word), text)

/** A shown result as a pattern: `...` alone is any lines, `...` in a line is anything in it. */
function pattern(shown: string): RegExp {
  const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const lines = plain(shown.trimEnd())
    .split('\n')
    .map((line) => (line.trim() === '...' ? '(?:.*\\n)*?' : `${line.split('...').map(escaped).join('.*')}\\n`))
  return new RegExp(`^${lines.join('')}$`)
}

describe.skipIf(!hasShell())('the README, as one session', () => {
  let session: Session
  let failed = false
  beforeAll(async () => {
    session = await openSession()
  }, 60_000)
  afterAll(() => session?.close())

  const steps = blocks.flatMap((block, index) => {
    const file = /`(policies\/[\w/.-]+\.(?:rego|yaml))`:$/.exec(block.before)?.[1]
    if (block.language !== 'sh' && file === undefined) return []
    const next = blocks[index + 1]
    const shown = next?.language === 'text' ? next.text : undefined
    const title = `line ${block.line}: ${file ?? block.text.split('\n')[0]}`
    return [{ title, block, file, shown }]
  })

  test.each(steps)(
    '$title',
    async ({ block, file, shown }) => {
      // What follows a step that failed would fail for no reason of its own.
      expect(failed, 'an earlier step failed').toBe(false)
      failed = true
      const command = file === undefined ? commandOf(block.text) : fileCommand(file, block.text)
      const printed = command === null ? '' : await session.run(command)
      if (shown !== undefined) expect(`${plain(printed).trimEnd()}\n`).toMatch(pattern(shown))
      failed = false
    },
    180_000,
  )

  test('what it sent went to the provider with the provider`s key, and no gateway key', () => {
    expect(session.simulator.received.length).toBeGreaterThan(0)
    for (const { headers, body } of session.simulator.received) {
      expect(headers).toContainEqual(['authorization', 'Bearer sk-your-key-at-openai'])
      expect(JSON.stringify(headers) + body).not.toContain('chk_')
    }
  })
})

function commandOf(text: string): string | null {
  const command = SET_UP[text.trim()]
  return command === undefined ? text : command
}

const fileCommand = (path: string, text: string): string =>
  `mkdir -p ${dirname(path)}\ncat > ${path} <<'END OF FILE'\n${text}END OF FILE`

describe('the README', () => {
  test('begins with the two commands, which are scripts of the package and set up by themselves', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const first = blocks.filter(({ language }) => language === 'sh').slice(0, 2)
    expect(first.map(({ text }) => text.trim())).toEqual(Object.keys(SET_UP))
    for (const name of ['demo', 'test']) {
      expect(scripts[name]).toBeDefined()
      expect(scripts[`pre${name}`]).toBe('node scripts/setup.mjs')
    }
    expect(scripts.demo).toBe('node bin/customhouse.js demo')
  })

  test('is short', () => expect(readme.split('\n').length).toBeLessThanOrEqual(201))

  test('shows the files of examples/', () => {
    const shown = (language: string) => blocks.filter((block) => block.language === language)
    for (const { before, text } of shown('rego')) {
      const path = /`(policies\/[^`]+)`:$/.exec(before)?.[1]
      expect(text).toBe(read(`examples/policy-control/${path}`))
    }
    expect(shown('rego').length).toBe(2)
    // Its table of SDKs is held against examples/clients.ts by test/clients.test.ts.
    expect(shown('js')).toEqual([])
  })
})

const documents = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
  ...readdirSync(join(ROOT, 'examples'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('examples', name)),
]

/** As GitHub makes them: lower case, punctuation gone, spaces to hyphens. */
const anchorsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )

describe.each(documents)('%s', (name) => {
  const text = read(name)
  const prose = text.replace(/^```.*?^```$/gms, '')

  test('every link leads somewhere', () => {
    const broken = [...prose.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].flatMap((match) => {
      const [path = '', anchor] = (match[1] ?? '').split('#')
      const file = path === '' ? join(ROOT, name) : resolve(ROOT, dirname(name), path)
      if (!existsSync(file)) return [match[1]]
      return anchor === undefined || anchorsOf(readFileSync(file, 'utf8')).includes(anchor) ? [] : [match[1]]
    })
    expect(broken).toEqual([])
  })

  test('every source and test that it names exists', () => {
    const named = text.matchAll(
      /(?<![\w/.-])((?:src|test|plugins|policies|examples|scripts|bin)\/[\w./-]+\.(?:ts|py|rego|yaml|json|mjs|js))\b/g,
    )
    const missing = [...named].flatMap(([, path = '']) =>
      existsSync(join(ROOT, path)) || isMadeUp(path) ? [] : [path],
    )
    expect(missing).toEqual([])
  })
})

/** Files of a control that a guide has its reader write. */
const isMadeUp = (path: string): boolean => /^policies\/(?:controls|org)\/(?:plain|tools|suspended)/.test(path)

test('the guide to plugins shows the example as it is', () => {
  const shown = blocksOf(read('docs/plugins.md'))
    .filter(({ language }) => language === 'ts')
    .map(({ text }) => text)
  expect(shown).toEqual([read('examples/plugin/codenames.ts'), read('examples/plugin/gateway.ts')])
})

test('every test that a document cites by its title is there', () => {
  const cited = documents.flatMap((name) =>
    [...read(name).matchAll(/`(test\/[\w./-]+\.ts)`:? "([^"]+)"/g)].map(([, file = '', title = '']) => ({
      name,
      file,
      title,
    })),
  )
  expect(cited.length).toBeGreaterThan(12)
  const missing = cited.filter(({ file, title }) => !existsSync(join(ROOT, file)) || !read(file).includes(title))
  expect(missing).toEqual([])
})

test('the table of doors is what is mounted', () => {
  const rows = read('docs/dialects.md').matchAll(/^\| `(\/[^`]*)` \| (.*?) \| .* \|$/gm)
  const told = [...rows].map(([, prefix, dialects = '']) => [prefix, dialects.replaceAll('`', '').split(', ')])
  const mounted = MOUNTS.map(({ prefix, codecs }) => [prefix, [...new Set(codecs.map(({ dialect }) => dialect))]])
  expect(told).toEqual(mounted)
})

test('the index of decisions names each of them, once', () => {
  const index = [...read('docs/adr/README.md').matchAll(/\]\((\d{4}-[\w-]+\.md)\)/g)].map((match) => match[1])
  const files = readdirSync(join(ROOT, 'docs/adr')).filter((name) => /^\d{4}-/.test(name))
  expect(index.toSorted()).toEqual(files.toSorted())
})
