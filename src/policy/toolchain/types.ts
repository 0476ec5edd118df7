import { alternatives, didYouMean, type SentenceTable, type Words } from './words.ts'

/** Why a built-in of OPA is not among ours (toolchain/builtins.txt). */
const LEFT_OUT: readonly (readonly [RegExp, string])[] = [
  [
    /^(http\.send|net\.lookup_ip_addr)$/,
    'a decision makes no calls over the network: put the fact into `data`, or let a plugin report it',
  ],
  [/^opa\.runtime$/, 'a decision must not depend on the machine that makes it'],
  [/^rand\./, 'a decision must come out the same when it is replayed'],
  [/^yaml\./, 'readers of YAML disagree with each other: use JSON'],
  [/^regex\.split$/, 'its engine can be made to run for ever: use `regex.find_all_string_submatch_n` or `split`'],
  [/^(io\.jwt\.(decode_)?verify|crypto\.x509)/, 'credentials are verified by the gateway before any policy runs'],
]

export const typeSentences: SentenceTable = [
  [
    /^undefined function (\S+)/,
    ([name = ''], { detail }) => {
      if (detail.leftOut === true) {
        const why = LEFT_OUT.find(([pattern]) => pattern.test(name))?.[1] ?? "the gateway's engine does not offer it"
        return { message: `\`${name}\` is not available, since ${why}.`, width: name.length }
      }
      const near = didYouMean(detail.near)
      const what = near === '.' && name.includes('.') ? ', and no import gives it one.' : near
      return { message: `There is no function \`${name}\`${what}`, width: name.length }
    },
  ],
  [
    /^deprecated built-in function calls in expression: (\S+)/,
    ([name = ''], { fault, rest }) => {
      const at = rest.search(new RegExp(`\\b${name.replaceAll('.', '\\.')}\\(`))
      const instead: Readonly<Record<string, string>> = {
        all: '`every`',
        any: '`some ... in ...`, or `in`',
        re_match: '`regex.match`',
        'net.cidr_overlap': '`net.cidr_contains`',
        set_diff: '`-`',
      }
      return {
        message: `\`${name}\` is deprecated: use ${instead[name] ?? 'another function'} instead.`,
        column: (fault.col ?? 1) + Math.max(0, at),
        width: name.length,
      }
    },
  ],
  [
    /^(\S+): (?:arity mismatch|too (?:many|few) arguments|invalid argument\(s\))$/,
    ([path = ''], words) => wrongArguments(path, words),
  ],
  [
    /^function (\S+) has arity (\d+), got (\d+)/,
    ([path = '', takes, given]) => {
      const name = shortName(path)
      return takes === '0'
        ? `\`${name}\` is a rule of this policy here, not a function: rename the rule if the built-in is meant.`
        : `\`${name}\` takes ${count(Number(takes))}, but is given ${given}.`
    },
  ],
  [
    /^function (\S+) used as reference/,
    ([path = '']) => `\`${shortName(path)}\` is a function: call it with its arguments.`,
  ],
  [/^undefined ref: (.*)$/, ([path = ''], words) => wrongReference(path, words)],
  [
    /^match error/,
    (_, { detail: { left = '', right = '' } }) => {
      const [a, b] = [typeWords(left), typeWords(right)]
      return a === b
        ? `These two can never be equal: both are ${a}, but of different shape.`
        : `This compares ${a} with ${b}, and they can never be equal.`
    },
  ],
  [
    /^data\.\S+$/,
    (_, { detail, fault }) => {
      if (fault.code !== 'customhouse_unresolved_ref') return undefined
      return `\`${detail.parent}\` has no \`${detail.wrong}\`, neither a rule nor data${didYouMean(detail.near)}`
    },
  ],
  [/^(print|trace)\(.*\) used as value/, ([name]) => `\`${name}\` gives no value: put it on a line of its own.`],
]

const OPERATORS: Readonly<Record<string, string>> = {
  plus: '+',
  minus: '-',
  mul: '*',
  div: '/',
  rem: '%',
  and: '&',
  or: '|',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  equal: '==',
  neq: '!=',
}

function wrongArguments(path: string, { detail, rest, fault }: Words): string | { message: string; width?: number } {
  const name = shortName(path)
  const have = Array.isArray(detail.have) ? (detail.have as readonly (string | null)[]) : []
  const all = Array.isArray(detail.want) ? (detail.want as readonly string[]) : []
  const operator = OPERATORS[path]
  // The last one that OPA lists is the result, except where it found the number of arguments wrong.
  const want = fault.message.endsWith('invalid argument(s)') ? all.slice(0, -1) : all
  const given = argumentsIn(rest, name)
  if (operator === undefined && given !== undefined && given !== want.length) {
    const names = want.map((one) => /^(\w+): /.exec(one)?.[1] ?? '').filter((one) => one !== '')
    const signature = names.length === want.length && names.length > 0 ? ` (${names.join(', ')})` : ''
    return {
      message: `\`${name}\` takes ${count(want.length)}${signature}, but is given ${given}.`,
      width: name.length,
    }
  }
  const at = want.findIndex((one, i) => {
    const type = have[i]
    return typeof type === 'string' && !overlaps(type, typeOf(one))
  })
  if (at < 0) return `The arguments of \`${operator ?? name}\` are of the wrong type.`
  const wanted = typeWords(typeOf(want[at] ?? ''))
  const found = typeWords(have[at] ?? '')
  if (operator !== undefined) {
    return `The ${at === 0 ? 'left' : 'right'} side of \`${operator}\` must be ${wanted}, but is ${found}.`
  }
  const which =
    want.length === 1 ? 'argument' : `${['first', 'second', 'third', 'fourth'][at] ?? `${at + 1}th`} argument`
  return `The ${which} of \`${name}\` must be ${wanted}, but is ${found}.`
}

function wrongReference(path: string, { detail }: Words): string {
  const { ref = [], pos = 0, wrong = '' } = detail
  const parent = pathOf(ref.slice(0, detail.want === undefined && detail.oneOf === undefined ? pos + 1 : pos))
  if (typeof detail.have === 'string' && detail.want === undefined) {
    const part = wrong.startsWith('__local') ? 'parts' : `\`${wrong}\``
    return `\`${parent}\` is ${typeWords(detail.have)}, so it has no ${part}.`
  }
  if (detail.oneOf === undefined && typeof detail.want === 'string') {
    if (detail.want === 'number') {
      return `\`${parent}\` is a list or set without named parts: take its members with \`some x in ${parent}\`.`
    }
    return `\`${parent}\` has no \`${wrong}\`: its keys are of type ${detail.want}.`
  }
  if (detail.near !== undefined) return `\`${parent}\` has no \`${wrong}\`${didYouMean(detail.near)}`
  if (detail.elsewhere !== undefined) {
    return `\`${parent}\` has no \`${wrong}\`${didYouMean(detail.elsewhere.slice(0, 3))}`
  }
  const names = (detail.oneOf ?? []).map((name) => `\`${name}\``)
  if (names.length === 0) return `There is no \`${path}\`.`
  const most = names.length > 8 ? [...names.slice(0, 8), 'others'] : names
  return `\`${parent}\` has no \`${wrong}\`, only ${alternatives(most, 'and')}.`
}

function pathOf(ref: readonly string[]): string {
  return ref
    .map((part, i) => {
      if (i === 0) return part
      if (/^[A-Za-z_]\w*$/.test(part)) return `.${part}`
      return part.startsWith('$') ? '[_]' : `[${/^\d+$/.test(part) ? part : JSON.stringify(part)}]`
    })
    .join('')
}

function shortName(path: string): string {
  return path.startsWith('data.') ? (path.split('.').at(-1) ?? path) : path
}

function count(n: number): string {
  return n === 1 ? '1 argument' : `${n} arguments`
}

/** How many arguments the call of `name` in the text is written with, if it can be told. */
function argumentsIn(text: string, name: string): number | undefined {
  const at = text.indexOf(`${name}(`)
  if (at < 0) return undefined
  let depth = 0
  let commas = 0
  let quoted = false
  const inside = text.slice(at + name.length)
  for (const [i, c] of [...inside].entries()) {
    if (quoted) {
      if (c === '"' && inside[i - 1] !== '\\') quoted = false
    } else if (c === '"') quoted = true
    else if ('([{'.includes(c)) depth++
    else if (c === ',' && depth === 1) commas++
    else if (')]}'.includes(c) && --depth === 0) {
      return /^\(\s*\)/.test(inside) ? 0 : commas + 1
    }
  }
  return undefined
}

/** `search: string` -> `string`. */
function typeOf(argument: string): string {
  return argument.replace(/^\w+: /, '')
}

/** The outermost constructors of a type as OPA writes it: any<string, array[any]> -> string, array. */
function kindsOf(type: string): readonly string[] {
  const union = /^any<(.*)>$/.exec(type)?.[1]
  const members: string[] = []
  let depth = 0
  let start = 0
  const text = union ?? type
  if (union !== undefined) {
    for (let i = 0; i < text.length; i++) {
      if ('<[('.includes(text.charAt(i))) depth++
      else if ('>])'.includes(text.charAt(i))) depth--
      else if (depth === 0 && text.charAt(i) === ',') {
        members.push(text.slice(start, i).trim())
        start = i + 1
      }
    }
  }
  members.push(text.slice(start).trim())
  return [...new Set(members.map((member) => /^\w+/.exec(member)?.[0] ?? 'any'))]
}

function overlaps(a: string, b: string): boolean {
  const [x, y] = [kindsOf(a), kindsOf(b)]
  return x.includes('any') || y.includes('any') || x.some((kind) => y.includes(kind))
}

const KINDS: Readonly<Record<string, string>> = {
  any: 'anything',
  array: 'a list',
  boolean: 'a boolean',
  null: 'null',
  number: 'a number',
  object: 'an object',
  set: 'a set',
  string: 'a string',
}

function typeWords(type: string): string {
  return alternatives(
    kindsOf(type).map((kind) => KINDS[kind] ?? kind),
    'or',
  )
}
