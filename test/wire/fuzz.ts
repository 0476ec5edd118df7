import { parseArgs } from 'node:util'
import { campaign } from './campaign.ts'

/**
 * Campaigns as a command: `node test/wire/fuzz.ts --calls 1000000 [--seed 7]`. Each round has a gateway, a ledger and a seed of its own, so
 * that neither disk nor memory grows with the number of calls. Exit code 2 where something was found.
 */
const ROUND = 50_000
const { values } = parseArgs({
  options: { calls: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
})
const calls = Number(values.calls)
const seed = Number(values.seed)
if (!Number.isSafeInteger(calls) || calls < 1 || !Number.isSafeInteger(seed)) {
  console.error('--calls and --seed take whole numbers')
  process.exit(3)
}
const began = performance.now()
const totals = new Map<string, number>()
let faults = 0
let parsed = 0
let bodies = 0
let sent = 0
for (let done = 0, round = 0; done < calls; done += ROUND, round++) {
  const report = await campaign({ seed: seed + round, calls: Math.min(ROUND, calls - done) })
  for (const [status, count] of report.statuses) totals.set(status, (totals.get(status) ?? 0) + count)
  for (const fault of report.faults.slice(0, 20)) console.error(`seed ${seed + round}: ${fault}`)
  faults += report.faults.length
  parsed += report.parsed
  bodies += report.bodies
  sent += report.sent
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  console.error(
    `${Math.min(calls, done + ROUND)} of ${calls} calls, seed ${seed + round}, ${seconds} s, ${faults} faults`,
  )
}
console.log(
  JSON.stringify({
    calls,
    seed,
    sent,
    parsed: parsed / bodies,
    faults,
    statuses: Object.fromEntries([...totals].sort()),
  }),
)
process.exitCode = faults === 0 ? 0 : 2
