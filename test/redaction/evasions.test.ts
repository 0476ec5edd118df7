import { describe, expect, it } from 'vitest'
import { dictionaryLine, readCustom } from '../../plugins/redaction/custom/index.ts'
import { findIn } from '../../plugins/redaction/find.ts'
import { applyTo, viewsOf } from '../../plugins/redaction/view/index.ts'
import { PLANTED, type Planted, TRANSFORMS, type Transform } from './evasions.table.ts'

const SALT = 'salt of the evasions'
const TENANT = 'acme'
const custom = readCustom({
  org: {
    redaction: {
      dictionaries: { [TENANT]: { salt: SALT, PERSON: [dictionaryLine('Oluwaseun Brandt', 'PERSON', SALT)] } },
    },
  },
})
const hints = { key: null, role: 'user', channel: 'text' } as const

/** Of the length of a token of ours, so that it can be read where it is encoded anew. */
const TAKEN = 'TAKEN_1_bcdf'
const squeezed = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '')

type Fate = 'found' | 'missed' | 'left' | 'unreadable'

/** Hides what is planted, has it found and replaced, and reads what would be sent. */
function fateOf({ type, value, before, after }: Planted, { of, write, read, json, within }: Transform): Fate {
  const text = of === 'value' ? `${before}${write(value)}${after}` : write(`${before}${value}${after}`)
  const [spans] = findIn([{ text, hints, json: json === true }], { tagger: null, custom, tenant: TENANT })
  const ours = (spans ?? []).filter((span) => span.type === type || span.type === within)
  if (ours.length === 0) return 'missed'
  let sent = ''
  let at = 0
  for (const edit of applyTo(
    text,
    json === true,
    ours.map(({ start, end }) => ({ start, end, text: TAKEN })),
  )) {
    sent += text.slice(at, edit.start) + edit.text
    at = edit.end
  }
  sent += text.slice(at)
  const readings = viewsOf(sent, json === true).map((view) => view.text)
  if (read !== undefined) readings.push(read(sent))
  const secret = squeezed(value)
  const halves = [secret.slice(0, secret.length >> 1), secret.slice(secret.length >> 1)]
  if (readings.some((reading) => halves.some((half) => squeezed(reading).includes(half)))) return 'left'
  const around = of === 'text' && within === undefined ? squeezed(`${before}${TAKEN}${after}`) : squeezed(TAKEN)
  const kept = of === 'text' || (sent.startsWith(before) && sent.endsWith(after))
  const whole = kept && readings.some((reading) => squeezed(reading).includes(around))
  return whole ? 'found' : 'unreadable'
}

const ROWS = TRANSFORMS.flatMap((transform) =>
  PLANTED.filter((planted) => transform.of === 'text' || transform.write(planted.value) !== planted.value).map(
    (planted) => ({
      transform,
      planted,
      fate: fateOf(planted, transform),
    }),
  ),
)
const failures = (rows: typeof ROWS): readonly string[] =>
  rows
    .filter(({ fate }) => fate !== 'found')
    .map(({ transform, planted, fate }) => `${transform.name} x ${planted.type} ${planted.value}: ${fate}`)

describe('evasions', () => {
  it('are of 25 kinds at least, over every planted type', () => {
    expect(TRANSFORMS.length).toBeGreaterThanOrEqual(25)
    expect(ROWS.length).toBeGreaterThan(500)
  })

  it.each(PLANTED)('$type $value is found in plain text', (planted) => {
    expect(fateOf(planted, { name: 'none', of: 'value', write: (text) => text })).toBe('found')
  })

  it('are found and taken out, 95 of 100 at least', () => {
    const missed = failures(ROWS)
    expect(1 - missed.length / ROWS.length, missed.join('\n')).toBeGreaterThanOrEqual(0.95)
  })

  it.each(TRANSFORMS.map((transform) => [transform.name, transform] as const))(
    '%s: 8 of 10 at least',
    (_name, transform) => {
      const rows = ROWS.filter((row) => row.transform === transform)
      const missed = failures(rows)
      expect(missed.length / rows.length, missed.join('\n')).toBeLessThanOrEqual(0.2)
    },
  )

  it('none is found and only half taken out', () => {
    expect(failures(ROWS.filter(({ fate }) => fate === 'left'))).toEqual([])
  })
})
