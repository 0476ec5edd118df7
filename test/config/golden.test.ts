import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { CustomhouseError } from '../../src/core/errors.ts'

const FOLDER = join(import.meta.dirname, 'golden')
/** All that a golden configuration may read from outside. */
const ENV = { OPENAI_API_KEY: 'resolvable', EMPTY: '', TWO_LINES: 'first\nsecond' }

/** What an operator sees, with the path as if the folder were the current one. */
async function said(name: string): Promise<string> {
  try {
    await loadConfig(join(FOLDER, name, 'customhouse.yaml'), ENV)
    return 'accepted'
  } catch (error) {
    if (!(error instanceof CustomhouseError)) throw error
    return `${error.message.replaceAll(/\S*golden\/[^/\s]+\/(?=customhouse\.yaml)/g, '')}\n${error.code}\n`
  }
}

describe('broken configurations', () => {
  const names = readdirSync(FOLDER).sort()

  it('are at least twenty', () => {
    expect(names.length).toBeGreaterThanOrEqual(20)
  })

  for (const name of names) {
    it(`${name} says what its golden file says`, async () => {
      expect(await said(name)).toBe(readFileSync(join(FOLDER, name, 'expected.txt'), 'utf8'))
    })
  }

  it('never show a secret that stands in them', async () => {
    const all = (await Promise.all(names.map(said))).join('\n')
    for (const secret of [
      'sk-proj',
      'Zm9vYmFy',
      'hunter2',
      'AKIAIOSFODNN7EXAMPLE',
      'q7Jd0ZkP',
      'first\nsecond',
      'someone:word',
      'sk-0123',
    ]) {
      expect(all).not.toContain(secret)
    }
  })
})
