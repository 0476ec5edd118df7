import { readFileSync } from 'node:fs'
import {
  describeDamage,
  publishedVerifierKey,
  readKeptNote,
  type Verification,
  verifyLedger,
} from '../../audit/index.ts'
import { CustomhouseError } from '../../core/errors.ts'
import { EXIT } from './exit.ts'
import { contentKeys, notThere, type Place, type Where } from './place.ts'
import { printable } from './text.ts'

export type VerifyOptions = Where &
  Readonly<{ json?: boolean; publicKey?: string; allowErased?: boolean; checkpoint: readonly string[] }>

/** `customhouse audit verify`. Resolves with the exit code. */
export async function verify(options: VerifyOptions, place: Place): Promise<number> {
  const publicKey = options.publicKey ?? publishedVerifierKey(place.keys)
  const keys = contentKeys(place.keys)
  // Heads before the log: that only grows.
  const kept = readKeptNote(place.keys)
  const checkpoints = options.checkpoint.map((file) => ({ holder: file, note: readHeld(file) }))
  const bar = progressBar()
  const result = await verifyLedger(place.ledger, {
    ...(kept === null ? {} : { kept }),
    checkpoints,
    ...(publicKey === null ? {} : { publicKey }),
    ...(keys === null ? {} : { contentKeys: keys }),
    allowErased: options.allowErased === true,
    progress: bar.show,
  })
  bar.clear()
  process.stdout.write(options.json ? `${JSON.stringify(result, null, 2)}\n` : verificationText(result))
  if (result.segments === 0) process.stderr.write(`${notThere(place)}\n`)
  if (publicKey === null)
    process.stderr.write(
      `There is no verifier key in ${place.keys}. Name the keys folder with --keys, or the key itself with --public-key.\n`,
    )
  if (result.status === 'incomplete' && result.disclosures.erased > 0)
    process.stderr.write(
      `${result.disclosures.erased} sealed parts have no content key in ${place.keys}. If their keys were destroyed on purpose, say --allow-erased; else bring them back.\n`,
    )
  return { verified: EXIT.fine, incomplete: EXIT.incomplete, tampered: EXIT.tampered }[result.status]
}

function readHeld(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CustomhouseError('ERR_CLI_USAGE', `--checkpoint ${file} cannot be read: ${why}`, { cause })
  }
}

function verificationText(result: Verification): string {
  const { checks, damage, disclosures } = result
  const lines = [
    `${result.status.toUpperCase()}  ${result.log ?? 'no log'}`,
    `  records      ${result.size} in ${result.segments} segments, epoch ${result.epoch}`,
    `  root         ${result.root ?? '-'}`,
    `  checkpoint   ${result.signedSize === null ? 'none' : `covers ${result.signedSize} records`}`,
    `  open calls   ${result.openIntents}`,
    `  disclosures  ${disclosures.opened} opened, ${disclosures.erased} erased or lost`,
    `  checked      ${Object.entries(checks)
      .map(([name, check]) => `${name}: ${check}`)
      .join(', ')}`,
  ]
  if (result.uncommittedBytes > 0)
    lines.push(
      `  tail         ${result.uncommittedBytes} bytes that no commit covers (a write under way, or torn by a crash)`,
    )
  for (const { seq, t, found, signed, reason } of result.restored)
    lines.push(
      `  restored     at seq ${seq}, ${t}: found ${JSON.stringify(found)}, signed ${JSON.stringify(signed)}, because ${printable(JSON.stringify(reason))}`,
    )
  if (damage !== null) lines.push(`  damage       ${printable(describeDamage(damage))}`)
  for (const what of result.missing) lines.push(`  missing      ${printable(what)}`)
  return `${lines.join('\n')}\n`
}

function progressBar(): { show: (bytes: number, of: number) => void; clear: () => void } {
  if (!process.stderr.isTTY) return { show: () => undefined, clear: () => undefined }
  let shown = -1
  return {
    show: (bytes, of) => {
      const percent = of === 0 ? 100 : Math.floor((bytes / of) * 100)
      if (percent === shown) return
      shown = percent
      process.stderr.write(`\r[${'#'.repeat(Math.floor(percent / 4)).padEnd(25)}] ${percent}%`)
    },
    clear: () => process.stderr.write('\r\u001b[K'),
  }
}
