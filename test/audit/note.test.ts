import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { checkpointText, leafHash, makeVerifier, parseCheckpoint } from '../../src/audit/index.ts'
import { isLogName, makeSigner } from '../../src/audit/note.ts'

const pem = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

describe('C2SP signed-note', () => {
  test('opens the note of the reference implementation', () => {
    const verifier = makeVerifier('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')
    const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    const line =
      '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
    expect(verifier.open(`${text}\n${line}`)).toBe(text)
    expect(verifier.open(`${text.replace('answer', 'Answer')}\n${line}`)).toBeNull()
  })

  test('a note is opened by its own key only, also among lines of strangers', () => {
    const ours = makeSigner('bank.example/n1', pem())
    const theirs = makeSigner('bank.example/n1', pem())
    const text = checkpointText({ origin: 'bank.example/n1', size: 3, root: leafHash('x') })
    const note = ours.sign(text)
    const both = note.replace('\n\n', `\n\n${theirs.sign(text).split('\n\n')[1]}`)
    expect(makeVerifier(ours.verifier).open(note)).toBe(text)
    expect(makeVerifier(ours.verifier).open(both)).toBe(text)
    expect(makeVerifier(theirs.verifier).open(note)).toBeNull()
    expect(makeVerifier(ours.verifier).open(text)).toBeNull()
    expect(makeVerifier(ours.verifier).open(note.slice(0, -1))).toBeNull()
  })

  test.each(['', 'name', 'name+00000000+AAAA', 'PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'])(
    'refuses the verifier key %j',
    (key) => {
      expect(() => makeVerifier(key)).toThrow('verifier key')
    },
  )

  test.each<[string, boolean]>([
    ['bank.example/n1', true],
    ['n', true],
    ['', false],
    ['a b', false],
    ['a+b', false],
    ['a\nb', false],
  ])('%j names a log: %s', (name, allowed) => {
    expect(isLogName(name)).toBe(allowed)
  })
})

describe('C2SP tlog-checkpoint', () => {
  const checkpoint = { origin: 'example.com/behind-the-sofa', size: 20852163, root: '' }

  test('reads and writes the example of the specification', () => {
    const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'
    const read = parseCheckpoint(text)
    expect(read).toEqual({ ...checkpoint, root: 'CsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I' })
    expect(read === null ? '' : checkpointText(read)).toBe(text)
  })

  test.each([
    '',
    'a\n1\n',
    'a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n',
    'a\n1\nAAAA\n',
    'a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n',
  ])('refuses %j', (text) => {
    expect(parseCheckpoint(text)).toBeNull()
  })
})
