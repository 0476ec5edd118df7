import { writeSync } from 'node:fs'
import { openLedger } from '../../src/audit/index.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'

/**
 * A writer in a process of its own, for tests that kill it or make its system calls fail. Each receipt goes to stdout at once, as
 * `ack <seq> <id>`: what the parent has read was acknowledged, whatever happens next.
 */
const [state = '', keys = '', calls = '0', lanes = '1', maxSegmentBytes = '100000', deadlineMs = '5000'] =
  process.argv.slice(2)

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

function codeOf(error: unknown): string {
  return isCustomhouseError(error) ? error.code : String(error)
}

const opened = await openLedger({
  state,
  keys,
  log: 'bank.example/n1',
  maxSegmentBytes: Number(maxSegmentBytes),
  deadlineMs: Number(deadlineMs),
}).catch((error: unknown) => error)

if (opened instanceof Error) {
  say(`refused ${codeOf(opened)}`)
  process.exitCode = 4
} else if (typeof opened === 'object' && opened !== null && 'ledger' in opened) {
  const { ledger, recovered } = opened as Awaited<ReturnType<typeof openLedger>>
  say(`opened ${JSON.stringify(recovered)}`)
  void ledger.failed.then((error) => say(`failed ${codeOf(error)} ${error.message}`))
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < Number(calls)) {
      const n = next++
      const call = `${process.pid}-${n}`
      const tenant = `tenant-${n % 3}`
      const begun = await ledger.append({
        kind: 'call.intent',
        tenant,
        call,
        body: { n },
        personal: { subject: `p${n}` },
      })
      say(`ack ${begun.seq} ${begun.id}`)
      const ended = await ledger.append({ kind: 'call.outcome', tenant, call, of: begun.seq, body: { status: 200 } })
      say(`ack ${ended.seq} ${ended.id}`)
    }
  }
  try {
    await Promise.all(Array.from({ length: Number(lanes) }, lane))
    await ledger.close()
    say('closed')
  } catch (error) {
    say(`rejected ${codeOf(error)}`)
    // The latch is for ever: later appends are refused, and none of them is a receipt.
    for (let i = 0; i < 3; i++) {
      const again = await ledger
        .append({ kind: 'call.denied', tenant: 't', call: 'c', body: {} })
        .catch((refused: unknown) => refused)
      say(`again ${codeOf(again)}`)
    }
    say(`health ${codeOf(ledger.health())}`)
    await ledger.close().catch((refused: unknown) => say(`close ${codeOf(refused)}`))
    process.exitCode = 5
  }
}
