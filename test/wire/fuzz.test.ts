import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { campaign, type Report } from './campaign.ts'
import { digestIn } from './parsers/dump.ts'

/** Changed recordings on real sockets of a whole gateway. The same with more calls: `node test/wire/fuzz.ts --calls 1000000`. */
const SEED = Number(process.env.CUSTOMHOUSE_FUZZ_SEED ?? 20_261_124)
const CALLS = Number(process.env.CUSTOMHOUSE_FUZZ_CALLS ?? 50_000)
/** Some twenty times what it takes on two cores. */
const PATIENCE = 60_000 + 40 * CALLS

let report: Report
beforeAll(async () => {
  report = await campaign({ seed: SEED, calls: CALLS, keep: 5_000 })
  const { recorded, sent, streams, statuses, parsed, bodies } = report
  const told = [...statuses].sort().map(([status, count]) => `${status}: ${count}`)
  const share = ((100 * parsed) / bodies).toFixed(1)
  console.log(
    `CUSTOMHOUSE_FUZZ_SEED=${SEED}: ${CALLS} calls of ${recorded} recordings and our own, ${streams} over HTTP/2, ${share} % past the parser, ${sent} sent; ${told.join(', ')}`,
  )
}, PATIENCE)

describe('changed calls and changed answers', () => {
  test('nothing breaks, hangs, goes unjudged or comes back unread', () => {
    expect(report.faults).toEqual([])
  })

  test('most of the bodies get past the parser, and many calls are sent', () => {
    expect(report.parsed / report.bodies).toBeGreaterThanOrEqual(0.7)
    expect(report.sent).toBeGreaterThan(CALLS / 5)
    expect(report.streams).toBeGreaterThan(CALLS / 10)
  })
})

describe('what is sent on is read alike', () => {
  const languages: readonly (readonly [name: string, command: string, args: readonly string[], probe: string])[] = [
    ['Python', 'python3', [join(import.meta.dirname, 'parsers/read.py')], '--version'],
    ['Go', 'go', ['run', join(import.meta.dirname, 'parsers/read.go')], 'version'],
  ]
  test.each(languages)(
    'in JavaScript and %s',
    (name, command, args, probe) => {
      if (spawnSync(command, [probe]).status !== 0) {
        if (process.env.CI === 'true') throw new Error(`${name} must be here where CI=true`)
        console.log(`skipped: ${name} is not here`)
        return
      }
      expect(report.kept.length).toBeGreaterThanOrEqual(Math.min(5_000, CALLS / 20))
      const input = report.kept.map((body) => body.toString('base64')).join('\n')
      const { stdout, stderr, status } = spawnSync(command, args, { input, encoding: 'utf8', maxBuffer: 1 << 28 })
      expect(status, stderr).toBe(0)
      const theirs = stdout.trimEnd().split('\n')
      expect(theirs.length).toBe(report.kept.length)
      const differing = report.kept.filter((body, index) => digestIn(body) !== theirs[index])
      expect(differing.slice(0, 3).map((body) => body.toString('utf8', 0, 2_000))).toEqual([])
    },
    300_000,
  )
})
