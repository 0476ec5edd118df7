// node scripts/tagger/tag.ts FILE.jsonl [least score]: reads labelled text, writes what the committed tagger finds in it, a line a document.
import { readFileSync } from 'node:fs'
import type { Span } from '../../plugins/redaction/detect/detector.ts'
import { tokensOf } from '../../plugins/redaction/detect/tokens.ts'
import { loadTagger } from '../../plugins/redaction/tagger/index.ts'

const [file, least] = process.argv.slice(2)
if (file === undefined) throw new Error('which file?')
const tagger = loadTagger()
const lines: string[] = []
for (const line of readFileSync(file, 'utf8').split('\n')) {
  if (line === '') continue
  const { text } = JSON.parse(line) as { text: string }
  const spans: Span[] = []
  tagger.tag({ text, tokens: tokensOf(text), hints: { key: null, role: 'user', channel: 'text' } }, spans)
  lines.push(JSON.stringify({ spans: spans.filter((span) => span.score >= Number(least ?? 0.5)) }))
}
process.stdout.write(`${lines.join('\n')}\n`)
