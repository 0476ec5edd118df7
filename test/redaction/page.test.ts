import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { DETECTORS } from '../../plugins/redaction/detect/index.ts'
import { ENTITIES } from '../../plugins/redaction/entity.ts'
import { TOKEN_SHAPES } from '../../plugins/redaction/token.ts'

/** docs/redaction.md has a table that the code decides, and names what is there. */

const ROOT = resolve(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/redaction.md'), 'utf8')

const rows = Object.entries(ENTITIES).map(([type, { title, family, bound, safeHarbor }]) => {
  const finders = [...DETECTORS, TOKEN_SHAPES].filter(({ finds }) => finds.includes(type)).map(({ name }) => name)
  const found = family === 'named' ? ['tagger', ...finders] : finders
  return `| \`${type}\` | ${title} | ${found.join(', ')} | ${bound ?? 'none'} | ${safeHarbor ?? ''} |`
})

it('the table of entities is the code’s, and somebody finds each of them', () => {
  expect(page.match(/^\| `[A-Z][A-Z0-9_]*` \| .* \| .* \| .* \| .*\|$/gm)).toEqual(rows)
  expect(rows.filter((row) => / \| {2}\| (\d+|none) \| /.test(row))).toEqual([])
})

it('the profiles that it names are shipped, and all of them', () => {
  const shipped = readdirSync(join(ROOT, 'policies/controls/redaction/profiles'))
    .flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -5)] : []))
    .sort()
  const named = /^Profiles: (.*)\.$/m.exec(page)?.[1]?.match(/[a-z_]+/g)
  expect(named?.sort()).toEqual(shipped)
})
