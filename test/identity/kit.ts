import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { Principal } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { type GatewayKeys, STORE_NAME } from '../../src/identity/index.ts'

const root = mkdtempSync(join(tmpdir(), 'customhouse-keys-'))
let count = 0

/** A store in a folder of its own, which does not exist yet. Removed when the test file has ended. */
export function newStore(): string {
  count += 1
  return join(root, `keys${count}`, STORE_NAME)
}

export function removeStoresAfterwards(): void {
  afterAll(() => rmSync(root, { recursive: true, force: true }))
}

/** Who the credential headers of a call prove. */
export function prove(keys: GatewayKeys, proof: Readonly<Record<string, string>>): Principal {
  return keys.authenticate({ method: 'POST', path: '/', query: '', proof, headers: {}, certificate: null }).principal
}

/** The code of the error that `work` throws or rejects with, or `none`. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work()
    return 'none'
  } catch (error) {
    if (error instanceof CustomhouseError) return error.code
    throw error
  }
}
