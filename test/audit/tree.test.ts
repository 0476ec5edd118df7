import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EMPTY_ROOT, Frontier, inclusionProof, leafHash, nodeHash, rootFromProof } from '../../src/audit/index.ts'

const hex = (hash: string): string => Buffer.from(hash, 'base64url').toString('hex')

/** The leaves of the RFC 6962 reference tests (certificate-transparency, merkle_tree_test), and the roots of the trees over the first n. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

describe('RFC 6962 2.1', () => {
  test('the empty tree', () => {
    expect(hex(EMPTY_ROOT)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(new Frontier().root()).toBe(EMPTY_ROOT)
  })

  test.each(ROOTS.map((root, i) => [i + 1, root] as const))('the reference tree of %i leaves', (size, root) => {
    const frontier = new Frontier()
    for (const leaf of LEAVES.slice(0, size)) {
      const bytes = Buffer.concat([Buffer.of(0), Buffer.from(leaf, 'hex')])
      frontier.append(createHash('sha256').update(bytes).digest('base64url'))
    }
    expect(hex(frontier.root())).toBe(root)
  })

  test('a leaf is hashed as UTF-8, after a zero byte', () => {
    const text = '{"a":"ä\u{1f600}"}'
    const bytes = Buffer.concat([Buffer.of(0), Buffer.from(text)])
    expect(leafHash(text)).toBe(createHash('sha256').update(bytes).digest('base64url'))
  })
})

/** MTH of RFC 6962 2.1, written as the standard writes it. */
function mth(leaves: readonly string[]): string {
  const [only] = leaves
  if (only === undefined) return EMPTY_ROOT
  if (leaves.length === 1) return only
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(mth(leaves.slice(0, k)), mth(leaves.slice(k)))
}

const leaves = (size: number): string[] => Array.from({ length: size }, (_, i) => leafHash(String(i)))

test('the frontier gives the root of the definition, for every size up to 300, and resumes from its own state', () => {
  const all = leaves(300)
  let frontier = new Frontier()
  for (const [i, leaf] of all.entries()) {
    frontier.append(leaf)
    expect(frontier.root()).toBe(mth(all.slice(0, i + 1)))
    if (i % 7 === 0) frontier = new Frontier(frontier.size, frontier.roots)
  }
  expect(() => new Frontier(3, [])).toThrow(RangeError)
})

test('every proof of every tree up to 65 leaves leads to the root, and to no other', () => {
  for (let size = 1; size <= 65; size++) {
    const all = leaves(size)
    const root = mth(all)
    for (let index = 0; index < size; index++) {
      const path = inclusionProof(all, index)
      expect(rootFromProof(index, size, all[index] ?? '', path)).toBe(root)
      expect(rootFromProof(index, size, leafHash('other'), path)).not.toBe(root)
      if (size > 1) {
        expect(rootFromProof((index + 1) % size, size, all[index] ?? '', path)).not.toBe(root)
        expect(rootFromProof(index, size, all[index] ?? '', path.slice(1))).not.toBe(root)
        expect(rootFromProof(index, size, all[index] ?? '', [...path, root])).toBeNull()
      }
    }
  }
  expect(rootFromProof(1, 1, leafHash(''), [])).toBeNull()
  expect(() => inclusionProof(leaves(3), 3)).toThrow(RangeError)
})

test('a changed hash anywhere in a proof is noticed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 500 }), fc.nat(), fc.nat(), (size, at, which) => {
      const all = leaves(size)
      const index = at % size
      const path = inclusionProof(all, index)
      path[which % path.length] = leafHash('forged')
      expect(rootFromProof(index, size, all[index] ?? '', path)).not.toBe(mth(all))
    }),
    { numRuns: 50 },
  )
})
