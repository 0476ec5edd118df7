import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { readCustom } from '../../plugins/redaction/custom/index.ts'
import type { Span } from '../../plugins/redaction/detect/detector.ts'
import { tokensOf } from '../../plugins/redaction/detect/tokens.ts'
import { ROOT } from '../house.ts'

const folder = mkdtempSync(join(tmpdir(), 'customhouse-dictionary-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'terms.txt')
writeFileSync(file, 'Ada Lovelace\n\r\nProject Blue Heron\r\nada  LOVELACE\n')

const run = (...args: readonly string[]) =>
  promisify(execFile)(process.execPath, [join(ROOT, 'bin/customhouse.js'), 'redaction', 'dictionary', ...args])

test('a dictionary is policy data that finds its terms, and holds none of them', async () => {
  const { stdout } = await run(file, '--tenant', 'claims', '--type', 'PERSON')
  expect(stdout).not.toMatch(/ada|heron/i)
  const org = JSON.parse(stdout)
  expect(org.redaction.dictionaries.claims.PERSON).toHaveLength(2)
  const [detector] = readCustom({ org }).detectorsFor('claims')
  const text = 'of ADA LOVELACE and project blue heron'
  const found: Span[] = []
  detector?.scan({ text, tokens: tokensOf(text), hints: { key: null, role: 'user', channel: 'text' } }, found)
  expect(found.map(({ start, end }) => text.slice(start, end))).toEqual(['ADA LOVELACE', 'project blue heron'])
})

test('with the salt that a tenant has it prints the lines alone', async () => {
  const { stdout } = await run(file, '--tenant', 'claims', '--type', 'PERSON', '--salt', 'b2c7d0a1e5f64839')
  expect(Object.keys(JSON.parse(stdout).redaction.dictionaries.claims)).toEqual(['PERSON'])
})

test('a type of the policies own is one', async () => {
  const policies = join(folder, 'policies')
  mkdirSync(join(policies, 'org'), { recursive: true })
  writeFileSync(join(policies, 'org/redaction.yaml'), 'redaction: { types: [PROJECT] }\n')
  writeFileSync(join(policies, 'main.rego'), 'package main\n')
  const { stdout } = await run(file, '--tenant', 'claims', '--type', 'PROJECT', '--policies', policies)
  expect(JSON.parse(stdout).redaction.dictionaries.claims.PROJECT).toHaveLength(2)
})

test.each([
  [
    'a type that is none',
    [file, '--tenant', 'claims', '--type', 'person'],
    'There is no type person. Is PERSON meant?',
  ],
  ['a type that is near one', [file, '--tenant', 'claims', '--type', 'PERSN'], 'Is PERSON meant?'],
  ['a type that is far', [file, '--tenant', 'claims', '--type', 'PROJECT'], 'of the policies that --policies names'],
  ['no file', [join(folder, 'none'), '--tenant', 'claims', '--type', 'PERSON'], 'cannot be read'],
])('%s is wrong usage', async (_, args, said) => {
  await expect(run(...args)).rejects.toMatchObject({ code: 3, stderr: expect.stringContaining(said) })
})
