import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Document } from './corpus.ts'

const ROOT = join(import.meta.dirname, '../..')

/**
 * Prose of this repository's own documents, with no name in it: headings, products, code. Lines with an address or a copyright are left out, for they
 * may have one.
 */
export function negatives(): readonly Document[] {
  const documents: Document[] = []
  for (const folder of ['docs', 'docs/adr']) {
    for (const file of readdirSync(join(ROOT, folder)).sort()) {
      if (!file.endsWith('.md')) continue
      for (const line of readFileSync(join(ROOT, folder, file), 'utf8').split('\n')) {
        if (
          line.length < 20 ||
          /@|copyright|frankfurt|ireland|virginia|london|paris|germany|amazon|google|azure|aws|microsoft|anthropic|openai|mistral/i.test(
            line,
          )
        )
          continue
        documents.push({ text: line, spans: [] })
      }
    }
  }
  return documents
}
