import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CustomhouseError, isCustomhouseError } from '../../src/core/errors.ts'
import type { Json, JsonTree } from '../../src/core/json.ts'
import { parseTree } from '../../src/core/parse.ts'
import { formatPointer, getAt, parsePointer, removeAt, setAt } from '../../src/core/pointer.ts'
import { jsonToTree, treeToJson, writeTree, writeTreeBytes } from '../../src/core/tree.ts'

const parse = (text: string): JsonTree => parseTree(Buffer.from(text))
const again = (text: string): string => writeTree(parse(text))

function failure(bytes: Uint8Array, limits?: Parameters<typeof parseTree>[1]): CustomhouseError {
  try {
    parseTree(bytes, limits)
  } catch (error) {
    if (error instanceof CustomhouseError) return error
    throw error
  }
  throw new Error(`accepted: ${Buffer.from(bytes).toString('latin1')}`)
}

describe('how much', () => {
  it.each<[string, string, number]>([
    ['objects', `[${'{},'.repeat(99)}{}]`, 101],
    ['arrays', `[${'[],'.repeat(99)}[]]`, 101],
    ['numbers', `[${'1,'.repeat(99)}1]`, 101],
    ['strings and words', '["a",true,false,null]', 5],
    ['members', '{"a":{"b":1},"c":""}', 4],
  ])('%s count one each', (_, text, count) => {
    expect(writeTree(parseTree(Buffer.from(text), { values: count }))).toBe(text)
    const error = failure(Buffer.from(text), { values: count - 1 })
    expect([error.code, error.status]).toEqual(['ERR_CALL_TOO_LARGE', 413])
    expect(error.message).toContain(`more than ${count - 1} JSON values`)
    expect(failure(Buffer.from(text), { values: count - 1, code: 'ERR_PROVIDER_MALFORMED' }).code).toBe(
      'ERR_PROVIDER_MALFORMED',
    )
  })

  it('is 100,000 where nobody says otherwise, and refused before the rest is read', () => {
    expect(parse(`[${'{},'.repeat(99_998)}{}]`)).toHaveLength(99_999)
    const body = Buffer.from(`[${'{},'.repeat(1_400_000)}{}]`)
    const before = process.memoryUsage().heapUsed
    expect(failure(body).code).toBe('ERR_CALL_TOO_LARGE')
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000)
  })
})

describe('how long the names', () => {
  const nested = (names: readonly string[], inner: string): string =>
    names.reduceRight((value, name) => `{${JSON.stringify(name)}:${value}}`, inner)
  const long = (length: number): string => 'n'.repeat(length)

  it.each<[string, string, string]>([
    ['one name', nested([long(1_023)], '1'), nested([long(1_024)], '1')],
    ['names in names', nested([long(511), long(511)], '1'), nested([long(511), long(512)], '1')],
    ['a name over a list', nested([long(1_021)], '[1]'), nested([long(1_022)], '[1]')],
    [
      'and over a longer one',
      nested([long(1_021)], `[${'1,'.repeat(9)}1]`),
      nested([long(1_021)], `[${'1,'.repeat(10)}1]`),
    ],
    ['an escaped name', `{"${'\\u006e'.repeat(1_023)}":1}`, `{"${'\\u006e'.repeat(1_024)}":1}`],
    [
      'what stands behind',
      `{"a":[[${nested([long(900)], '{}')}],{}],"b":${nested([long(1_021)], '1')}}`,
      `{"a":[[${nested([long(900)], '{}')}],{}],"b":${nested([long(1_022)], '1')}}`,
    ],
  ])('%s: a path has 1,024 characters at most', (_, fits, over) => {
    parse(fits)
    const error = failure(Buffer.from(over))
    expect([error.code, error.status]).toEqual(['ERR_CALL_TOO_LARGE', 413])
    expect(error.message).toMatch(
      /^the body holds .* 1024 characters .*, at line 1, column [0-9]+ \(byte [0-9]+\); shorten the names$/,
    )
    expect(failure(Buffer.from(over), { code: 'ERR_PROVIDER_MALFORMED' }).code).toBe('ERR_PROVIDER_MALFORMED')
  })

  it('a text may have any length, a name that is over is refused before it is looked up', () => {
    expect(parse(`["${long(200_000)}"]`)).toHaveLength(1)
    const names = Array.from({ length: 5_000 }, (_, at) => `"${String(at).padStart(17_000, 'n')}":1`)
    expect(failure(Buffer.from(`{${names.join(',')}}`)).code).toBe('ERR_CALL_TOO_LARGE')
  })

  it('all paths together have 16 million characters at most, and 64 a value where more values are allowed', () => {
    const list = (length: number, count: number): Buffer =>
      Buffer.from(nested([long(length)], `[${'1,'.repeat(count - 1)}1]`))
    // `/`, the name, `/`, the index: the longest of it is the name.
    expect(parseTree(list(1_000, 15_800))).toBeInstanceOf(Map)
    const error = failure(list(1_000, 16_000))
    expect(error.code).toBe('ERR_CALL_TOO_LARGE')
    expect(error.message).toContain('shorten the names')
    expect(failure(list(1_000, 16_000), { code: 'ERR_PROVIDER_MALFORMED' }).code).toBe('ERR_PROVIDER_MALFORMED')
    // Token probabilities: a million values under some 55 characters.
    expect(parseTree(list(50, 900_000), { values: 1_000_000 })).toBeInstanceOf(Map)
    expect(failure(list(80, 900_000), { values: 1_000_000 }).code).toBe('ERR_CALL_TOO_LARGE')
  })

  it('counts exactly what the pointers have, in every shape', () => {
    const names = fc.stringMatching(/^[a-z]{0,3}$/)
    const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constant(1),
        fc.array(tie('tree'), { maxLength: 12 }),
        fc.dictionary(names, tie('tree'), { maxKeys: 4 }),
      ),
    }))
    const pointers = (node: Json, at: string): string[] =>
      typeof node !== 'object' || node === null
        ? [at]
        : [at, ...Object.entries(node).flatMap(([name, member]) => pointers(member, `${at}/${name}`))]
    fc.assert(
      fc.property(tree, (inner) => {
        const longest = Math.max(...pointers(inner, '').map(({ length }) => length))
        parse(nested([long(1_023 - longest)], JSON.stringify(inner)))
        expect(failure(Buffer.from(nested([long(1_024 - longest)], JSON.stringify(inner)))).code).toBe(
          'ERR_CALL_TOO_LARGE',
        )
      }),
    )
  })
})

describe('what is kept', () => {
  it.each([
    ['a fraction of zeros', '1.0'],
    ['beyond a double', '1e400'],
    ['2^53+1', '9007199254740993'],
    ['minus zero', '-0'],
    ['exponents as written', '[1E5,1e+5,1e-7,0.10,10.50E-02]'],
    ['many digits', '3.14159265358979323846264338327950288'],
    ['order of members that look like indices', '{"b":1,"2":2,"1":3,"a":4}'],
    ['__proto__ and constructor', '{"__proto__":{"x":1},"constructor":null}'],
    ['the empty name', '{"":{"":[]}}'],
    ['lone surrogates', '["\\ud800","\\udc00\\ud800"]'],
    ['a surrogate pair', '"😀"'],
    ['line separators', '"\u2028\u2029"'],
    ['control escapes', '"\\u0000\\b\\f\\n\\r\\t\\"\\\\/"'],
  ])('%s: %s', (_, text) => expect(again(text)).toBe(text))

  it.each([
    ['space around everything', ' \t\r\n{ "a" : [ 1 , 2 ] } \n', '{"a":[1,2]}'],
    ['an escaped slash', '"\\/"', '"/"'],
    ['escapes of plain letters', '"\\u0041\\u00e4\\uD83D\\uDE00"', '"Aä😀"'],
  ])('%s is written plainly', (_, text, plain) => expect(again(text)).toBe(plain))

  it('is written as UTF-8', () => {
    expect(Buffer.from(writeTreeBytes(parse('"ä😀\\ud800"'))).toString('utf8')).toBe('"ä😀\\ud800"')
  })

  it('holds numbers as numbers only where JavaScript writes them back', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?$/), (lexeme) => {
        const node = parse(lexeme)
        expect(writeTree(node)).toBe(lexeme)
        expect(typeof node === 'number').toBe(String(Number(lexeme)) === lexeme)
      }),
    )
  })

  it('is everything that JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (v) => {
        expect(again(JSON.stringify(v))).toBe(JSON.stringify(v))
      }),
    )
  })

  it('is every string, in any escaping', () => {
    const unit = fc.tuple(fc.nat(0xffff), fc.boolean())
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 80 }), (units) => {
        const text = String.fromCharCode(...units.map(([code]) => code))
        const escaped = units.map(([code, plain]) =>
          plain && code >= 0x20 && code !== 0x22 && code !== 0x5c && (code < 0xd800 || code > 0xdfff)
            ? String.fromCharCode(code)
            : `\\u${code.toString(16).padStart(4, '0')}`,
        )
        expect(parse(`"${escaped.join('')}"`)).toBe(text)
        expect(again(`"${escaped.join('')}"`)).toBe(JSON.stringify(text))
      }),
    )
  })
})

describe('what is refused', () => {
  it.each([
    ['nothing', ''],
    ['space only', ' \n'],
    ['two values', '1 2'],
    ['something after the end', '{}x'],
    ['a NUL after the end', '{}\0'],
    ['a comma before the end of an array', '[1,]'],
    ['a comma before the end of an object', '{"a":1,}'],
    ['a comma at the start', '[,1]'],
    ['two commas', '[1,,2]'],
    ['no comma', '[1 2]'],
    ['no colon', '{"a" 1}'],
    ['two colons', '{"a"::1}'],
    ['no value', '{"a":}'],
    ['a name without quotes', '{a:1}'],
    ['single quotes', "{'a':1}"],
    ['a number as a name', '{1:1}'],
    ['an open array', '[1'],
    ['an open object', '{"a":1'],
    ['an open string', '"abc'],
    ['an open escape', '"abc\\'],
    ['the wrong end', '[1}'],
    ['a leading zero', '01'],
    ['a leading plus', '+1'],
    ['a point without digits', '1.'],
    ['a point at the start', '.5'],
    ['an exponent without digits', '1e'],
    ['a sign only', '-'],
    ['two signs', '--1'],
    ['a hexadecimal number', '0x1'],
    ['NaN', 'NaN'],
    ['Infinity', '-Infinity'],
    ['a word in capitals', 'True'],
    ['half a word', 'tru'],
    ['a word that goes on', 'nullx'],
    ['a tab in a string', '"\t"'],
    ['a newline in a string', '"a\nb"'],
    ['a NUL in a string', '"\0"'],
    ['a control character after an escape', '"\\n\x01"'],
    ['an unknown escape', '"\\x41"'],
    ['a short \\u escape', '"\\u12"'],
    ['a \\u escape of no digits', '"\\u12G4"'],
    ['a \\u escape with space', '"\\u 123"'],
    ['a comment', '/* */1'],
    ['a line comment', '1 // x'],
    ['a form feed as space', '\f1'],
    ['a no-break space', '\u00a01'],
    ['a byte order mark', '\ufeff{}'],
    ['a name twice', '{"a":1,"a":1}'],
    ['a name twice, once escaped', '{"model":1,"mode\\u006c":2}'],
    ['a name twice, deep', '{"x":[{"a":1,"b":2,"a":3}]}'],
    ['the empty name twice', '{"":1,"":2}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
  ])('%s', (_, text) => {
    const error = failure(Buffer.from(text))
    expect(error.code).toBe('ERR_CALL_MALFORMED')
    expect(error.detail).toMatchObject({
      offset: expect.any(Number),
      line: expect.any(Number),
      column: expect.any(Number),
    })
  })

  it.each([
    ['a lone continuation byte', [0x22, 0x80, 0x22], 1],
    ['an overlong NUL', [0x22, 0xc0, 0x80, 0x22], 1],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22], 1],
    ['beyond U+10FFFF', [0x22, 0xf5, 0x80, 0x80, 0x80, 0x22], 1],
    ['a character that is cut', [0x22, 0xe2, 0x82], 1],
    ['0xFF', [0x22, 0xc3, 0xa4, 0xff, 0x22], 3],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00], 0],
  ])('bad UTF-8: %s', (_, bytes, offset) => {
    const error = failure(Uint8Array.from(bytes))
    expect(error.code).toBe('ERR_CALL_MALFORMED')
    expect(error.detail.offset).toBe(offset)
  })

  it('nesting beyond the limit, and not at it', () => {
    expect(again(`${'['.repeat(128)}${']'.repeat(128)}`)).toHaveLength(256)
    expect(failure(Buffer.from('['.repeat(129))).message).toContain('128 levels')
    expect(failure(Buffer.from('{"a":'.repeat(100_000))).code).toBe('ERR_CALL_MALFORMED')
    expect(failure(Buffer.from('[[1]]'), { depth: 1 }).code).toBe('ERR_CALL_MALFORMED')
  })

  it('says where, in bytes, line and column, and names the pointer', () => {
    const error = failure(Buffer.from('{"ä": 1,\n "messages": [0, {"content": tru}]}'))
    expect(error.detail).toEqual({ offset: 39, line: 2, column: 30 })
    expect(error.message).toContain('/messages/1/content')
  })

  it('does not repeat a member name that could be anything', () => {
    const error = failure(Buffer.from('{"jane.doe@example.com": {"card 4111111111111111": tru}}'))
    expect(error.message).toContain('/*/*')
    expect(JSON.stringify([error.message, error.detail])).not.toMatch(/jane|4111/)
  })

  it('with the code that the caller chose', () => {
    const error = failure(Buffer.from('{'), { code: 'ERR_PROVIDER_MALFORMED', what: 'an event' })
    expect(error.code).toBe('ERR_PROVIDER_MALFORMED')
    expect(error.message).toMatch(/^an event /)
    expect(failure(Uint8Array.of(0xff), { code: 'ERR_PROVIDER_MALFORMED' }).code).toBe('ERR_PROVIDER_MALFORMED')
  })
})

describe('against JSON.parse', () => {
  const mutation = fc.record({
    base: fc.json({ maxDepth: 4 }),
    at: fc.nat(),
    drop: fc.nat(2),
    put: fc.constantFrom(
      '',
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '0',
      '-',
      '.',
      'e',
      ' ',
      '\n',
      '\t',
      '\0',
      'u',
      'é',
      't',
    ),
  })

  it('a damaged text is read the same or refused by both; only repeated names are refused by us alone', () => {
    let both = 0
    fc.assert(
      fc.property(mutation, ({ base, at, drop, put }) => {
        const from = at % (base.length + 1)
        const text = base.slice(0, from) + put + base.slice(from + drop)
        let theirs: unknown
        let accepted = true
        try {
          theirs = JSON.parse(text)
        } catch {
          accepted = false
        }
        if (!accepted) expect(() => parse(text)).toThrow(CustomhouseError)
        else {
          try {
            expect(treeToJson(parse(text))).toEqual(theirs)
            both++
          } catch (error) {
            const ours = isCustomhouseError(error, 'ERR_CALL_MALFORMED') && error.message.includes('came before')
            if (!ours && !isCustomhouseError(error, 'ERR_CALL_UNSUPPORTED')) throw error
          }
        }
      }),
      { numRuns: 3000 },
    )
    expect(both).toBeGreaterThan(300)
  })
})

describe('plain data', () => {
  it('comes back from a tree', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (v) => {
        const json: Json = JSON.parse(JSON.stringify(v))
        expect(treeToJson(jsonToTree(json))).toEqual(json)
        expect(writeTree(jsonToTree(json))).toBe(JSON.stringify(json))
      }),
    )
  })

  it('has __proto__ as a member of its own, and no number that it cannot hold', () => {
    const json = treeToJson(parse('{"__proto__":{"polluted":true}}'))
    expect(Object.keys(json ?? {})).toEqual(['__proto__'])
    expect('polluted' in {}).toBe(false)
    expect(() => treeToJson(parse('[1e400]'))).toThrow(expect.objectContaining({ code: 'ERR_CALL_UNSUPPORTED' }))
    expect(() => writeTree(Number.NaN)).toThrow(expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' }))
  })
})

describe('pointers (RFC 6901)', () => {
  const document = parse(
    '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}',
  )

  it.each([
    ['/foo', '["bar","baz"]'],
    ['/foo/0', '"bar"'],
    ['/', '0'],
    ['/a~1b', '1'],
    ['/c%d', '2'],
    ['/e^f', '3'],
    ['/g|h', '4'],
    ['/i\\j', '5'],
    ['/k"l', '6'],
    ['/ ', '7'],
    ['/m~0n', '8'],
  ])('section 5: %s', (pointer, text) => {
    const found = getAt(document, pointer)
    expect(found === undefined ? undefined : writeTree(found)).toBe(text)
    expect(formatPointer(parsePointer(pointer))).toBe(pointer)
  })

  it.each(['/foo/2', '/foo/00', '/foo/-', '/foo/bar', '/nope', '/a~1b/c', '/foo/0/0'])('nothing at %s', (pointer) => {
    expect(getAt(document, pointer)).toBeUndefined()
  })

  it('unescapes ~01 to ~1', () => expect(parsePointer('/~01')).toEqual(['~1']))
  it.each(['foo', '/~2', '/~'])('no pointer: %s', (pointer) =>
    expect(() => parsePointer(pointer)).toThrow(CustomhouseError),
  )

  it.each([
    ['/a', '{"a":9,"l":[1,2]}'],
    ['/l/0', '{"a":{"b":1},"l":[9,2]}'],
    ['/l/2', '{"a":{"b":1},"l":[1,2,9]}'],
    ['/l/-', '{"a":{"b":1},"l":[1,2,9]}'],
    ['/a/c', '{"a":{"b":1,"c":9},"l":[1,2]}'],
    ['/a/b', '{"a":{"b":9},"l":[1,2]}'],
  ])('set %s', (pointer, text) => {
    const before = parse('{"a":{"b":1},"l":[1,2]}')
    expect(writeTree(setAt(before, pointer, 9))).toBe(text)
    expect(writeTree(before)).toBe('{"a":{"b":1},"l":[1,2]}')
  })

  it.each(['/x/y', '/l/3', '/l/x', '/l/-/x', '/l/5/x', '/a/b/c', '/l/0/x'])('set %s has no parent', (pointer) => {
    expect(() => setAt(parse('{"a":{"b":1},"l":[1,2]}'), pointer, 9)).toThrow(CustomhouseError)
  })

  it('removes members and items, and what is not there without a word', () => {
    const before = parse('{"a":{"b":1},"l":[1,2]}')
    expect(writeTree(removeAt(before, '/a/b'))).toBe('{"a":{},"l":[1,2]}')
    expect(writeTree(removeAt(before, '/l/0'))).toBe('{"a":{"b":1},"l":[2]}')
    expect(removeAt(before, '/x/y')).toBe(before)
    expect(() => removeAt(before, '')).toThrow(CustomhouseError)
    expect(writeTree(before)).toBe('{"a":{"b":1},"l":[1,2]}')
  })

  it('sets any leaf of any tree, and nothing else', () => {
    const paths = (json: unknown, at: readonly (string | number)[] = []): (readonly (string | number)[])[] =>
      typeof json === 'object' && json !== null
        ? Object.entries(json).flatMap(([k, v]) => paths(v, [...at, Array.isArray(json) ? Number(k) : k]))
        : [at]
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.nat(), (v, pick) => {
        const text = JSON.stringify(v)
        const tree = parse(text)
        const all = paths(JSON.parse(text))
        const path = all[pick % Math.max(1, all.length)]
        if (path === undefined) return
        const pointer = formatPointer(path)
        const changed = setAt(tree, pointer, 'new leaf')
        expect(getAt(changed, pointer)).toBe('new leaf')
        expect(writeTree(tree)).toBe(text)
        const old = getAt(tree, pointer)
        if (old !== undefined) expect(writeTree(setAt(changed, pointer, old))).toBe(text)
      }),
    )
  })
})

describe('writing what was read', () => {
  const pieces = fc.constantFrom(
    '"',
    '\\',
    '\\n',
    '\\u0041',
    '\\u00e4',
    '\\ud800',
    '\\/',
    '/',
    'ä',
    '😀',
    '\u2028',
    '\u007f',
    'a',
  )
  const string = fc
    .array(pieces, { maxLength: 6 })
    .map((list) => `"${list.filter((piece) => piece !== '"' && piece !== '\\').join('')}"`)
  const scalar = fc.oneof(string, fc.constantFrom('1', '1.0', '-0', '1e400', '9007199254740993', '1E5', 'true', 'null'))
  const space = fc.constantFrom('', '', '', ' ', '\n')
  const text = fc.array(fc.tuple(string, scalar, space), { maxLength: 4 }).map((members) => {
    const names = new Set<string>()
    const kept = members.filter(([name]) => !names.has(JSON.parse(name)) && names.add(JSON.parse(name)) !== undefined)
    return `{${kept.map(([name, value, gap]) => `${name}:${gap}${value}`).join(',')}}`
  })

  it('gives the same bytes as writing it anew, whether or not they are the bytes it was read from', () => {
    let same = 0
    fc.assert(
      fc.property(text, (json) => {
        const bytes = Buffer.from(json)
        const tree = parseTree(bytes)
        const written = writeTreeBytes(tree)
        expect(Buffer.from(written).toString()).toBe(writeTree(tree))
        if (written === bytes) same += 1
        // A copy knows nothing of it.
        if (tree instanceof Map)
          expect(Buffer.from(writeTreeBytes(new Map(tree).set('other', 1))).toString()).toContain('"other":1')
      }),
      { numRuns: 3000 },
    )
    expect(same).toBeGreaterThan(100)
    expect(same).toBeLessThan(2900)
  })
})
