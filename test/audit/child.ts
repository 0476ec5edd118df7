import { writeSync } from 'node:fs'
import { type LedgerOptions, type Opened, openLedger, openLedgerWhenRoom } from '../../src/audit/index.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'

/**
 * A writer in a process of its own, for tests that kill it or make its system calls fail. Each receipt goes to stdout at once, as
 * `ack <seq> <id>`: what the parent has read was acknowledged, whatever happens next.
 */
const [
  state = '',
  keys = '',
  calls = '0',
  lanes = '1',
  maxSegmentBytes = '100000',
  deadlineMs = '5000',
  minFreeBytes = '0',
  held = '0',
  // How often it finds no room before it gives up; 0 does not wait at all.
  waits = '0',
] = process.argv.slice(2)

const nap = new Int32Array(new SharedArrayBuffer(4))

/** Writes a line whole: the parent's pipe may be full, and does not block. */
function say(line: string): void {
  const bytes = Buffer.from(`${line}\n`)
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      Atomics.wait(nap, 0, 0, 1)
    }
  }
}

function codeOf(error: unknown): string {
  return isCustomhouseError(error) ? error.code : String(error)
}

const options: LedgerOptions = {
  state,
  keys,
  log: 'bank.example/n1',
  maxSegmentBytes: Number(maxSegmentBytes),
  deadlineMs: Number(deadlineMs),
  minFreeBytes: Number(minFreeBytes),
}

function openWaiting(): Promise<Opened> {
  const giveUp = new AbortController()
  let found = 0
  const waiting = (error: unknown): void => {
    say(`waiting ${codeOf(error)}`)
    if (++found === Number(waits)) giveUp.abort(new Error('gave up'))
  }
  return openLedgerWhenRoom(options, { waiting, signal: giveUp.signal, everyMs: 50 })
}

const opened = await (waits === '0' ? openLedger(options) : openWaiting()).catch((error: unknown) => error)

if (opened instanceof Error) {
  say(`refused ${codeOf(opened)}`)
  process.exitCode = 4
} else if (typeof opened === 'object' && opened !== null && 'ledger' in opened) {
  const { ledger, recovered } = opened as Awaited<ReturnType<typeof openLedger>>
  say(`opened ${JSON.stringify(recovered)}`)
  void ledger.failed.then((error) => say(`failed ${codeOf(error)} ${error.message}`))
  // Calls that this process never ends.
  for (let i = 0; i < Number(held); i++) {
    const { seq, id } = await ledger.append({ kind: 'call.intent', tenant: 't', call: `held-${i}`, body: {} })
    say(`ack ${seq} ${id}`)
  }
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
  // Every lane ends its own call: what is refused is what begins.
  const ends = await Promise.allSettled(Array.from({ length: Number(lanes) }, lane))
  const rejected = ends.find((end) => end.status === 'rejected')
  if (rejected === undefined) {
    await ledger.close()
    say('closed')
  } else {
    say(`rejected ${codeOf(rejected.reason)}`)
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
