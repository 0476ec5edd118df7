import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { newFolder, run } from './run.ts'

/** What the system refuses reaches the operator as a sentence, never as a stack. */

describe('refusals of the system', () => {
  const folder = newFolder()
  const file = join(folder, 'file')
  writeFileSync(file, '')
  mkdirSync(join(folder, 'policies'))
  writeFileSync(join(folder, 'policies/a.rego'), 'package a\n\n# METADATA\n# entrypoint: true\nb := 1\n')
  const config = join(folder, 'gate/customhouse.yaml')

  const refused: readonly [string, readonly string[], RegExp][] = [
    ['init where a file is', ['init', file], /^.*file.*: .*\((?:EEXIST|ENOTDIR)\)\.$/m],
    ['init below a file', ['init', join(file, 'below')], /file.*: a part of this path is a file.*\(ENOTDIR\)\.$/m],
    ['init below a file of the way', ['init', join(file, 'a/b')], /\(ENOTDIR\)\.$/m],
  ]
  for (const [name, args, sentence] of refused) {
    it(name, async () => {
      const { code, stderr } = await run(args, { cwd: folder })
      expect(stderr).toMatch(sentence)
      expect(stderr).not.toMatch(/\n {4}at |node:internal/)
      expect(code).toBe(1)
    })
  }

  it('every verb that reads a state or keys folder which is a file', async () => {
    expect((await run(['init', 'gate'], { cwd: folder })).code).toBe(0)
    for (const args of [
      ['keys', 'list', '--keys', file],
      ['keys', 'create', '--keys', file, '--tenant', 'claims', '--name', 'x'],
      ['keys', 'list', '-c', folder],
      ['check', '-c', folder],
      ['serve', '-c', folder],
      ['config', 'show', '-c', folder],
      ['policy', 'build', join(folder, 'policies'), '-o', join(folder, 'nowhere/x.tar.gz')],
      ['policy', 'build', join(folder, 'policies'), '-o', folder],
      ['policy', 'check', file],
      ['policy', 'test', join(folder, 'nowhere')],
      ['policy', 'eval', '-f', join(folder, 'policies'), '-i', folder],
      ['audit', 'search', '--state', file],
      ['audit', 'verify', '--state', file],
      ['audit', 'show', '1', '--state', file],
      ['serve', '-c', config, '--state', file],
      ['serve', '-c', config, '--keys', file],
    ]) {
      const { code, stderr } = await run(args, { cwd: folder, env: { OPENAI_API_KEY: 'x' } })
      expect(code, args.join(' ')).not.toBe(0)
      expect(stderr, args.join(' ')).not.toMatch(/\n {4}at |node:internal/)
    }
  }, 60_000)
})
