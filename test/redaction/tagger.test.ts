import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Span } from '../../plugins/redaction/detect/detector.ts'
import { hashOf, isWordUnit, tokensOf } from '../../plugins/redaction/detect/tokens.ts'
import { FIRST, gazetteerOf, LAST, lookUp, PLACE } from '../../plugins/redaction/tagger/gazetteer.ts'
import { loadTagger, taggerFrom } from '../../plugins/redaction/tagger/index.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'

const WEIGHTS = new URL('../../plugins/redaction/tagger/weights.bin', import.meta.url)
const PII = process.env.CUSTOMHOUSE_PII ?? resolve(import.meta.dirname, '../../../shared/pii')
const tagger = loadTagger()

function tagged(text: string, key: string | null = null): readonly Span[] {
  const found: Span[] = []
  tagger.tag({ text, tokens: tokensOf(text), hints: { key, role: 'user', channel: 'text' } }, found)
  return found
}

/** What is used by default: type and text. */
function named(text: string, key: string | null = null): readonly string[] {
  return tagged(text, key)
    .filter((span) => span.score >= 0.5)
    .map((span) => `${span.type} ${text.slice(span.start, span.end)}`)
}

describe('the tagger of names', () => {
  it.each([
    ['Hello, my name is Siddharth Venkataraman.', ['PERSON Siddharth Venkataraman']],
    ['Dear Mr. Kowalczyk,\nthank you for your letter.', ['PERSON Kowalczyk']],
    ['Patient: Abernathy, Lucille\nDOB: 03/04/1961', ['PERSON Abernathy, Lucille']],
    ['I moved from Leeds to Toronto last year.', ['LOCATION Leeds', 'LOCATION Toronto']],
    ['She has worked for Brightwater Analytics LLC since 2019.', ['ORG Brightwater Analytics LLC']],
    ['Regards,\nJ. R. Castellanos', ['PERSON J. R. Castellanos']],
    ['hi this is oliver bennett and i lost my card', ['PERSON oliver bennett']],
    ['SEEN BY DR. MARGARET OYELARAN IN BOSTON', ['PERSON MARGARET OYELARAN', 'LOCATION BOSTON']],
    ['Buenos días, soy Remedios Cifuentes y vivo en Cuenca.', ['PERSON Remedios Cifuentes', 'LOCATION Cuenca']],
    ['Nombre: Ernesto.\nApellidos: Rivera Bueno.', ['PERSON Ernesto', 'PERSON Rivera Bueno']],
    ['Sehr geehrter Herr Brandstetter,\nvielen Dank.', ['PERSON Brandstetter']],
    ['Ich bin Annika Hoffmann aus Paderborn.', ['PERSON Annika Hoffmann', 'LOCATION Paderborn']],
    ['Bonjour, je suis Camille Lefebvre, j’habite à Rennes.', ['PERSON Camille Lefebvre', 'LOCATION Rennes']],
    ['My cousin Jordan just came back from Jordan.', ['PERSON Jordan', 'LOCATION Jordan']],
    ['Please mark Mark as paid.', ['PERSON Mark']],
    ['Dr. Nakagawa saw Mrs. Ellery yesterday.', ['PERSON Nakagawa', 'PERSON Ellery']],
    ['Victoria missed her train at Victoria.', ['PERSON Victoria', 'LOCATION Victoria']],
    ['Ordering customer HEINRICH OTTERBACH, Dresden.', ['PERSON HEINRICH OTTERBACH', 'LOCATION Dresden']],
    ['thx dave, pls ask priya to call me', ['PERSON dave', 'PERSON priya']],
    ['O senhor Tiago Saraiva mora em Porto e trabalha.', ['PERSON Tiago Saraiva', 'LOCATION Porto']],
    ['Unsere Kundin Hannelore Voß wohnt in München.', ['PERSON Hannelore Voß', 'LOCATION München']],
    ['La signora Fiorella Greco abita a Milano.', ['PERSON Fiorella Greco', 'LOCATION Milano']],
    ['Mevrouw Saskia van der Meulen woont in Utrecht.', ['PERSON Saskia van der Meulen', 'LOCATION Utrecht']],
    ['Pani Agnieszka Wójcik mieszka w Krakowie.', ['PERSON Agnieszka Wójcik', 'LOCATION Krakowie']],
    ["Mrs. Abernethy's claim was approved.", ['PERSON Abernethy']],
  ])('reads %j', (text, expected) => {
    expect(named(text)).toEqual(expected)
  })

  it.each([
    'Will you be able to help me, or may I hope for a grace period?',
    'The bill for May is late. Please mark it as paid.',
    'Chief Complaint: Chest Pain. Continue Lisinopril 10 mg daily.',
    'Diagnosis: Parkinson disease.',
    'The Babinski sign was negative; a Foley catheter was placed.',
    'Quarterly Business Review: Risk and Compliance',
    'Upgrade Jenkins, then restart Grafana.',
    'The Borrower shall notify the Lender in writing within ten Business Days.',
    'How do I reset my PIN?',
    'Der Kunde hat das Formular im Büro auf den Tisch gelegt.',
    "Bonjour, j'ai une question sur mon compte.",
    'Hola, no puedo entrar en mi cuenta.',
    'ERROR 12:30:11 NullPointerException at line 42',
    '',
    ' \n ',
  ])('finds no name in %j', (text) => {
    expect(named(text)).toEqual([])
  })

  it('takes the name of a JSON member for a label', () => {
    expect(named('Jordan', 'firstName')).toEqual(['PERSON Jordan'])
    expect(named('Jordan', 'country')).toEqual(['LOCATION Jordan'])
    expect(named('pending', 'status')).toEqual([])
  })

  it('gives spans of whole words, in order, apart, with a probability, and the same ones whatever it read before', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'Maria',
        'van',
        'der',
        'Berg',
        'in',
        'Paris',
        'O',
        "'",
        '-',
        '.',
        ',',
        'Inc',
        '\n',
        '😀',
        'é',
        'Ω',
        '12',
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
    )
    const texts = fc.array(word, { maxLength: 400 }).map((words) => words.join(' '))
    fc.assert(
      fc.property(texts, texts, (text, other) => {
        const spans = tagged(text)
        let end = 0
        for (const span of spans) {
          expect(span.start).toBeGreaterThanOrEqual(end)
          expect(span.end).toBeGreaterThan(span.start)
          expect(span.end).toBeLessThanOrEqual(text.length)
          expect(span.score).toBeGreaterThanOrEqual(0.2)
          expect(span.score).toBeLessThanOrEqual(1)
          expect(['PERSON', 'LOCATION', 'ORG']).toContain(span.type)
          for (const at of [span.start, span.end]) {
            const within =
              at > 0 && at < text.length && isWordUnit(text.charCodeAt(at - 1)) && isWordUnit(text.charCodeAt(at))
            expect(within).toBe(false)
          }
          end = span.end
        }
        tagged(other)
        expect(tagged(text)).toEqual(spans)
      }),
      { numRuns: 100 },
    )
  })

  it('reads a line of any length, and what stands behind it', () => {
    const spans = named(`${'lorem ipsum '.repeat(2_000)}my name is Oliver Bennett.`)
    expect(spans.at(-1)).toBe('PERSON Oliver Bennett')
  })

  it('is under 2 MB, and is not read where a bit of it differs', () => {
    const bytes = readFileSync(WEIGHTS)
    expect(bytes.length).toBeLessThan(2_000_000)
    expect(taggerFrom(bytes).version).toBe(tagger.version)
    bytes.writeUInt8(bytes.readUInt8(1_000) ^ 1, 1_000)
    let thrown: unknown
    try {
      taggerFrom(bytes)
    } catch (error) {
      thrown = error
    }
    expect(isCustomhouseError(thrown, 'ERR_CONFIG_UNREADABLE')).toBe(true)
  })

  const presidio = join(PII, 'presidio_generated_large.jsonl')
  it.skipIf(!existsSync(presidio))(
    `covers names of text that it was not trained on (${presidio}; skipped where that is absent)`,
    () => {
      type Row = { text: string; spans: readonly { start: number; end: number; type: string }[] }
      const rows = readFileSync(presidio, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line): Row => JSON.parse(line))
      let persons = 0
      let covered = 0
      let plain = 0
      let wrongly = 0
      for (const { text, spans } of rows) {
        const is = new Uint8Array(text.length)
        for (const { start, end, type } of spans) is.fill(type === 'PERSON' ? 2 : 1, start, end)
        const has = new Uint8Array(text.length)
        for (const { start, end, score } of tagged(text)) if (score >= 0.5) has.fill(1, start, end)
        for (let i = 0; i < text.length; i++) {
          if (is[i] === 2) persons += 1
          if (is[i] === 2 && has[i] === 1) covered += 1
          if (is[i] === 0) plain += 1
          if (is[i] === 0 && has[i] === 1) wrongly += 1
        }
      }
      expect(covered / persons).toBeGreaterThan(0.88)
      expect(wrongly / plain).toBeLessThan(0.03)
    },
  )
})

describe('a gazetteer', () => {
  it('knows the words that it was built of, and next to no other', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 2, maxLength: 12 }), { minLength: 1, maxLength: 800 }),
        (words) => {
          const bits = [FIRST, LAST, FIRST | PLACE]
          const known = new Map(words.map((word, i) => [hashOf(word), bits[i % 3] ?? FIRST]))
          const gazetteer = gazetteerOf(known, 10)
          for (const [hash, is] of known) expect(lookUp(gazetteer, hash) & is).toBe(is)
        },
      ),
      { numRuns: 50 },
    )
    const gazetteer = gazetteerOf(new Map(Array.from({ length: 900 }, (_, i) => [hashOf(`name${i}`), FIRST])), 10)
    let wrong = 0
    for (let i = 0; i < 10_000; i++) if (lookUp(gazetteer, hashOf(`other${i}`)) !== 0) wrong += 1
    expect(wrong).toBeLessThan(30)
  })

  it('takes no more words than it has room for', () => {
    const words = new Map(Array.from({ length: 20 }, (_, i) => [i, FIRST]))
    expect(() => gazetteerOf(words, 4)).toThrow(RangeError)
  })
})
