import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { ageWarnings, isAged } from '../../src/compose/ages.ts'
import { startHouse } from '../house.ts'

/** Rows of the catalogue grow old. */

const DAY = 86_400_000
const NOW = Date.parse('2026-11-24T12:00:00Z')
const row = (id: string, asOf: string) => ({ id, asOf })

describe('a row', () => {
  it.each([
    ['2026-11-24', false],
    ['2026-10-25', false],
    // A day of grace: it may have been read late on its day, to the west.
    ['2026-10-24', true],
    ['2020-01-01', true],
    ['2027-01-01', false],
    ['no day', true],
  ])('of %s is too old after 30 days: %s', (asOf, old) => expect(isAged(asOf, 30 * DAY, NOW)).toBe(old))

  it('that is too old stays so', () => {
    const day = fc.integer({ min: 0, max: 20_000 }).map((days) => new Date(days * DAY).toISOString().slice(0, 10))
    fc.assert(
      fc.property(day, fc.nat(4000), fc.nat(), fc.nat(), (asOf, days, at, later) => {
        const now = at * 1000
        return !isAged(asOf, days * DAY, now) || isAged(asOf, days * DAY, now + later * 1000)
      }),
    )
  })
})

describe('warnings', () => {
  it('are none where all is new enough', () =>
    expect(ageWarnings([row('a', '2026-11-01'), row('b', '2026-11-24')], 180 * DAY, NOW)).toEqual([]))

  it('name the oldest rows first, each once, and the day', () => {
    const rows = [
      row('new', '2026-11-01'),
      row('b', '2025-02-01'),
      row('a', '2025-01-31'),
      row('a', '2025-01-31'),
      row('c', '2025-03-01'),
    ]
    expect(ageWarnings(rows, 180 * DAY, NOW)).toEqual([
      'residency  older than residency.max_age (180 days): a, b, c; the oldest is of 2025-01-31. Import them anew, or lay newer rows over them',
    ])
  })

  it('name few of many', () => {
    const rows = Array.from({ length: 9 }, (_, index) => row(`r${index}`, `2025-01-0${index + 1}`))
    expect(ageWarnings(rows, 180 * DAY, NOW)[0]).toContain(
      'r0, r1, r2, r3 and 5 more rows of the catalogue; the oldest',
    )
  })

  it('name a day that has not come', () =>
    expect(ageWarnings([row('typo', '2062-11-01'), row('west', '2026-11-25')], 180 * DAY, NOW)).toEqual([
      'residency  of a day that has not come: typo. Mend their as_of',
    ]))
})

describe('a gateway', () => {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-ages-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const overlay = (asOf: string): string => {
    const file = join(folder, `${asOf}.json`)
    const own = { hosts: ['llm.bank.example'], endpoint: ['CH'], processing: ['CH'], storage: [], source: 'letter' }
    const sources = { letter: 'A letter of the provider' }
    writeFileSync(file, JSON.stringify({ version: 2, as_of: asOf, sources, entries: { 'own/ch': own } }))
    return file
  }

  it.each([
    ['2000-01-01', ['own/ch; the oldest is of 2000-01-01']],
    [new Date().toISOString().slice(0, 10), []],
  ])('warns at the start of rows that are too old, once: %s', async (asOf, words) => {
    const house = await startHouse({
      providers: { own: { url: 'https://llm.bank.example/v1', residency: 'own/ch' } },
      config: { residency: { catalogue: [overlay(asOf)], max_age: '3650d' } },
    })
    try {
      const said = house.logged.filter(({ msg }) => String(msg).includes('residency.max_age'))
      expect(said.map(({ msg }) => String(msg))).toEqual(words.map((word) => expect.stringContaining(word)))
    } finally {
      await house.stop()
    }
  })
})
