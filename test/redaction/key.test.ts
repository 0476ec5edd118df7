import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { REDACTION_KEY_FILE, redactionKey } from '../../src/compose/redaction-key.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'

const root = mkdtempSync(join(tmpdir(), 'customhouse-redaction-key-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let number = 0
const folder = (): string => join(root, String(number++))

function refused(keys: string): string {
  try {
    redactionKey(keys)
  } catch (error) {
    if (isCustomhouseError(error, 'ERR_KEYS_STORE')) return error.message
    throw error
  }
  return 'it was read'
}

describe('the key of the tokens', () => {
  it('is made once, for its owner alone, and read again', () => {
    const keys = folder()
    const made = redactionKey(keys)
    expect(made).toHaveLength(32)
    expect(statSync(join(keys, REDACTION_KEY_FILE)).mode & 0o777).toBe(0o600)
    expect(redactionKey(keys)).toEqual(made)
    expect(redactionKey(folder())).not.toEqual(made)
    expect(readdirSync(keys)).toEqual([REDACTION_KEY_FILE])
  })

  it.each([
    ['empty', ''],
    ['cut off', `${'A'.repeat(42)}\n`],
    ['too long', `${'A'.repeat(44)}\n`],
    ['in hex', `${'0f'.repeat(32)}\n`],
    ['with a blank', ` ${'A'.repeat(43)}\n`],
  ])('that is %s is refused, and left as it is', (_, text) => {
    const keys = folder()
    redactionKey(keys)
    const file = join(keys, REDACTION_KEY_FILE)
    writeFileSync(file, text)
    expect(refused(keys)).toContain('does not hold 32 bytes')
    expect(readFileSync(file, 'latin1')).toBe(text)
  })

  it.skipIf(process.getuid?.() === 0)('that cannot be read is refused, and no other is made', () => {
    const keys = folder()
    redactionKey(keys)
    chmodSync(join(keys, REDACTION_KEY_FILE), 0o000)
    expect(refused(keys)).toContain('cannot be read or made')
  })
})
