import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashOf } from '../../plugins/redaction/detect/tokens.ts'
import { FIRST, LAST, NAME, PLACE, REGION, WORD } from '../../plugins/redaction/tagger/gazetteer.ts'
import type { Document } from './corpus.ts'

const MANUALS = join(import.meta.dirname, 'node_modules')

/** Capitalised words that are no names though a list has them. */
const PLACES =
  /@|copyright|author|thanks|contribut|frankfurt|ireland|virginia|london|paris|germany|amazon|google|azure|aws|microsoft|anthropic|openai|mistral|facebook|github/i

/**
 * Natural prose with no name in it: headings, products, code. It is of the manuals of three packages that package.json pins. A line
 * goes where one of its capitalised words, other than the first, is in a list of names and is no ordinary word; what is left is taken to have none.
 */
export function negatives(words: ReadonlyMap<number, number>): readonly Document[] {
  const documents: Document[] = []
  const names = FIRST | LAST | PLACE | REGION | NAME
  const read = (path: string, least: number): void => {
    let code = false
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      if (line.startsWith('```')) code = !code
      if (code || line.length < least || line.length > 600 || PLACES.test(line)) continue
      const capitals = line.match(/(?<=\s)\p{Lu}\p{Ll}+/gu) ?? []
      const first = /\p{Lu}\p{Ll}+/u.exec(line)?.[0]
      if (first !== undefined) capitals.push(first)
      if (
        capitals.some(
          (word) => ((words.get(hashOf(word)) ?? 0) & names) !== 0 && ((words.get(hashOf(word)) ?? 0) & WORD) === 0,
        )
      )
        continue
      documents.push({ text: line, spans: [] })
    }
  }
  for (const manual of ['fastify', 'undici', 'pino']) {
    const folder = join(MANUALS, manual)
    for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort())
      if (path.endsWith('.md') && !path.includes('node_modules')) read(join(folder, path), 30)
  }
  return documents
}
