import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Residency } from '../../src/core/call.ts'
import { catalogueWith, createResidency } from './index.ts'

/**
 * No body and no address makes a dispatch narrower than what each reading of it could mean. The oracle knows nothing of the reader: it takes every member of that
 * name, in any capitals, that JSON.parse finds, duplicates and all, and asks a table for each.
 */

const own = {
  version: 2,
  as_of: '2026-11-20',
  sources: { own: 'az' },
  azure: {
    resources: {
      claims: {
        location: 'swedencentral',
        deployments: { home: 'Standard', zone: 'DataZoneStandard', all: 'GlobalStandard' },
        source: 'own',
      },
    },
  },
  vertex: { models: { 'google/gemini-2.5-flash': { regions: ['europe-west4'], source: 'own' } } },
}
const CLAUDE = 'https://api.anthropic.com'
const { catalogue } = createResidency({
  catalogue: catalogueWith([{ name: 'own.json', content: own }]),
  declared: [{ origin: CLAUDE, residency: { endpoint: ['*'], processing: ['*'], storage: ['*'] } }],
})

/** Only these say more than "unknown"; by hand, from what the providers say. */
type Door = Readonly<{
  member: string
  url: string
  words: Readonly<Record<string, string[]>>
  /** What every other word says that begins so, whatever follows. */
  families?: Readonly<Record<string, string[]>>
  without: string[] | null
}>
const EU27 = catalogueWith([]).groups['EU-27'] ?? []
const DOORS: readonly Door[] = [
  {
    member: 'model',
    url: 'https://claims.openai.azure.com/openai/v1/chat/completions',
    words: { home: ['SE'], zone: [...EU27], all: ['*'] },
    without: null,
  },
  {
    member: 'model',
    url: 'https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/endpoints/openapi/chat/completions',
    words: { 'google/gemini-2.5-flash': ['NL'] },
    without: null,
  },
  {
    member: 'model',
    url: 'https://inference.generativeai.eu-frankfurt-1.oci.oraclecloud.com/openai/v1/chat/completions',
    words: { 'meta.llama-4': ['DE'] },
    families: { 'meta.': ['DE'], 'cohere.': ['DE'] },
    without: null,
  },
  { member: 'inference_geo', url: `${CLAUDE}/v1/messages`, words: { us: ['US'], global: ['*'] }, without: ['*'] },
]

const escaped = (text: string, which: readonly boolean[]): string =>
  [...text].map((c, i) => (which[i] === true ? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}` : c)).join('')

const value = (door: Door): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom(...Object.keys(door.words), 'other', 'ocid1.x').map((word) => JSON.stringify(word)),
    },
    { weight: 2, arbitrary: fc.json({ maxDepth: 3 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '1e999',
        '-0',
        '123456789012345678901234567890',
        '"\\ud800"',
        'null',
        '[]',
        '{"model":"home"}',
      ),
    },
    { weight: 1, arbitrary: fc.constantFrom(130, 4000).map((depth) => '['.repeat(depth) + ']'.repeat(depth)) },
  )
const name = (door: Door): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.oneof(
        { weight: 6, arbitrary: fc.constant(door.member) },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            door.member.toUpperCase(),
            `${door.member} `,
            `\u0000${door.member}`,
            '__proto__',
            `${door.member}s`,
          ),
        },
        { weight: 2, arbitrary: fc.constantFrom('messages', 'max_tokens', 'a') },
      ),
      fc.array(fc.boolean(), { maxLength: 14 }),
    )
    .map(([text, which]) => `"${escaped(JSON.stringify(text).slice(1, -1).includes('\\') ? 'b' : text, which)}"`)
const space = fc.constantFrom('', ' ', '\n', '\t\r', '  ')
const member = (door: Door) =>
  fc.tuple(space, name(door), space, value(door), space).map(([a, n, b, v, c]) => `${a}${n}${b}:${v}${c}`)
const object = (door: Door) => fc.array(member(door), { maxLength: 4 }).map((all) => `{${all.join(',')}}`)
const body = (door: Door): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 8, arbitrary: object(door).map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: object(door).map((text) => Buffer.from(`\ufeff${text}`)) },
    { weight: 1, arbitrary: object(door).map((text) => Buffer.from(`[${text}]`)) },
    { weight: 1, arbitrary: object(door).map((text) => Buffer.from(`{"x":${text}}`)) },
    { weight: 1, arbitrary: fc.tuple(object(door), object(door)).map(([a, b]) => Buffer.from(a + b)) },
    {
      weight: 2,
      arbitrary: fc.tuple(object(door), fc.nat(60), fc.uint8Array({ maxLength: 3 })).map(([text, at, noise]) => {
        const bytes = Buffer.from(text)
        return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)])
      }),
    },
  )

/** Each text of the member that some reader could take; null in it for "no string"; null for what is no one JSON object. */
function readings(bytes: Uint8Array, wanted: string): readonly (string | null)[] | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const found: (string | null)[] = []
    for (const [key, one] of membersOf(text))
      if (key.toLowerCase() === wanted) found.push(typeof one === 'string' ? one : null)
    return found
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError) return null
    throw error
  }
}

/** Members of the outermost object, duplicates too: the longest prefix at each comma that JSON.parse takes as a member. */
function membersOf(text: string): readonly (readonly [string, unknown])[] {
  const whole: unknown = JSON.parse(text)
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole)) throw new SyntaxError('no object')
  const inner = text.trim().slice(1, -1)
  const found: (readonly [string, unknown])[] = []
  let start = 0
  for (let end = inner.indexOf(','); inner.trim() !== '' && start < inner.length; end = inner.indexOf(',', end + 1)) {
    const stop = end === -1 ? inner.length : end
    const one = parsed(`{${inner.slice(start, stop)}}`)
    if (one !== null) {
      found.push(...Object.entries(one))
      start = stop + 1
    } else if (end === -1) throw new SyntaxError('a member that is none')
    if (end === -1) break
  }
  return found
}

function parsed(text: string): object | null {
  try {
    return Object(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

const covers = (wide: readonly string[] | null, narrow: readonly string[] | null): boolean =>
  wide === null || (narrow !== null && (wide.includes('*') || narrow.every((place) => wide.includes(place))))

describe.each(DOORS)('$url', (door) => {
  const meant = (word: string | null): readonly string[] | null =>
    word === null
      ? null
      : Object.hasOwn(door.words, word)
        ? (door.words[word] ?? null)
        : (Object.entries(door.families ?? {}).find(([head]) => word.startsWith(head) && word !== head)?.[1] ?? null)

  it('no body makes it narrower than any reading of the body', () => {
    const seen = { known: 0, unknown: 0 }
    fc.assert(
      fc.property(body(door), (bytes) => {
        const { processing } = catalogue.resolve(door.url, bytes)
        if (processing === null) {
          seen.unknown++
          return
        }
        seen.known++
        const all = readings(bytes, door.member)
        // Known from what is no JSON object at all: a server could make anything of it.
        expect(all).not.toBeNull()
        if (all?.length === 0) expect(covers(processing, door.without)).toBe(true)
        for (const word of all ?? []) expect(covers(processing, meant(word))).toBe(true)
      }),
      { numRuns: 5000 },
    )
    // Neither is the rule for want of the other.
    expect(seen.known).toBeGreaterThan(50)
    expect(seen.unknown).toBeGreaterThan(50)
  })

  it('and no address: what is known stands at the host that was meant, in plain form', () => {
    const { origin } = new URL(door.url)
    const [word = ''] = Object.keys(door.words)
    const bytes = Buffer.from(JSON.stringify({ [door.member]: word }))
    const noise = fc.oneof(
      fc.constantFrom(
        '%2F',
        '%2e',
        '//',
        '/..',
        '..;/',
        '?',
        '#',
        '\\',
        '%00',
        '@',
        ':443',
        '/locations/us',
        '/deployments/all',
        'V1',
        '\u0430',
      ),
      fc.string({ maxLength: 3, unit: 'binary' }),
    )
    fc.assert(
      fc.property(fc.nat(door.url.length), noise, (at, text) => {
        const url = door.url.slice(0, at) + text + door.url.slice(at)
        const told: Residency = catalogue.resolve(url, bytes)
        if (told.processing === null) return
        expect(new URL(url).origin).toBe(origin)
        expect(covers(told.processing, meant(word)) || covers(told.processing, door.without)).toBe(true)
        // What the path itself names, as a server reads it that decodes it once.
        const read = decodeURIComponent(new URL(url).pathname)
        const [, deployment = null] = /^\/openai\/deployments\/([^/]+)/.exec(read) ?? []
        if (deployment !== null) expect(covers(told.processing, meant(deployment))).toBe(true)
        if (origin.endsWith('aiplatform.googleapis.com'))
          for (const [, location] of read.matchAll(/\/locations\/([^/]*)/g))
            expect(origin).toContain(`${location}-aiplatform`)
      }),
      { numRuns: 3000 },
    )
  })
})
