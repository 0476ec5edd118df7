import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { SHIPPED } from '../../plugins/residency/index.ts'

/** docs/residency.md has tables that the catalogue decides. */

const page = readFileSync(new URL('../../docs/residency.md', import.meta.url), 'utf8')
const places = (list: readonly string[] | null): string =>
  list === null ? 'unknown' : list.length > 4 ? `${list.length} countries` : list.join(', ')

it('the types of deployments of Azure, for a resource in Sweden', () => {
  const rows = [...SHIPPED.azure.types].map(([type, { runs }]) => {
    const there = runs('swedencentral')
    return `| \`${type}\` | ${there?.includes('*') === true ? 'anywhere' : places(there)} |`
  })
  expect(page.match(/^\| `[A-Z][A-Za-z]+` \| [^|]* \|$/gm)?.sort()).toEqual(rows.sort())
})

it('the residencies of projects at OpenAI', () => {
  const rows = [...SHIPPED.projects.values()].map(
    ({ name, entries, storage }) =>
      `| \`${name}\` | ${entries.map((id) => `\`${id}\``).join(', ')} | ${places(storage)} |`,
  )
  expect(page.match(/^\| `[A-Z_]+` \| [^|]* \| [^|]* \|$/gm)?.sort()).toEqual(rows.sort())
})
