import { unclosed } from './brackets.ts'
import type { Sentence, SentenceTable, Words } from './words.ts'

/** Sentences for what OPA's parser reports. */
export const syntaxSentences: SentenceTable = [
  [
    /^package expected|^empty module/,
    () => ({ message: 'The first line of a policy must name its package: `package customhouse`.', width: 1 }),
  ],
  [
    /^`contains` keyword is required/,
    (_, { rest }) => {
      const [, name = 'rule', key = 'x'] = /^([\w.]+)\[(.*?)\]/.exec(rest) ?? []
      return {
        message: `A rule that builds a set is written \`${name} contains ${key} if { ... }\` (Rego v1).`,
        width: name.length,
      }
    },
  ],
  [
    /^`if` keyword is required before/,
    (_, { rest }) => {
      const head = /^(.*?)\s*\{/.exec(rest)?.[1] ?? 'rule'
      return {
        message: `\`if\` is missing between the rule's head and its body: \`${head} if { ... }\` (Rego v1).`,
        width: head.length,
      }
    },
  ],
  [
    /^(\S+) must have value assignment and\/or body/,
    (_, { rest }) =>
      `\`${firstWord(rest)}\` alone says nothing: give it a value (\`:= ...\`) or a condition (\`if ...\`).`,
  ],
  [/non-terminated string/, unclosedString],
  [/^expected } to end template string/, unclosedTemplate],
  [/^illegal token/, illegal],
  [
    /^var cannot be used for rule name|^rule name conflicts with built-in|^(\w+) cannot be used for rule name/,
    (_, { rest, lines, fault }) => strayWord(firstWord(rest), lines, fault.row ?? 1, fault.col ?? 1),
  ],
  [
    /^(\w+) keyword cannot be used for rule name/,
    ([word]) => `\`${word}\` is a word of the language and cannot name a rule: choose another name.`,
  ],
  [
    /^unexpected (and|or) token/,
    ([word], { lines, fault }) => {
      const sign = word === 'and' ? '&&' : '||'
      const points = [...(lines[(fault.row ?? 1) - 1] ?? '')]
      const at = (fault.col ?? 1) - 1
      const start = [at - 1, at].find((i) => points.slice(i, i + 2).join('') === sign)
      if (start === undefined) return undefined
      return { message: joinSentence(sign, word === 'and'), column: start + 1, width: 2 }
    },
  ],
  [/^unexpected : token$/, (_, { rest }) => (/^:\s+=/.test(rest) ? 'Write `:=` without a space in it.' : undefined)],
  [
    /^unexpected : token: expected "," or "}"/,
    () => 'This began as a set, and a set has no `key: value`: give every member a key, or none.',
  ],
  [
    /^unexpected not keyword/,
    () => '`not` gives no value that could be assigned or compared: put it before a condition on a line of its own.',
  ],
  [
    /^unexpected minus token/,
    (_, { lines, fault }) => {
      const line = lines[(fault.row ?? 1) - 1] ?? ''
      return /^\s*(package|import)\b/.test(line) ? 'A package name cannot have a hyphen: write `_`.' : undefined
    },
  ],
  [/^unexpected number token: expected number without leading zero/, () => 'A number cannot begin with a zero.'],
  [/^expected METADATA block/, () => 'This METADATA block is empty: write `# title: ...` below it, or remove it.'],
  [
    /^unexpected if keyword/,
    (_, { lines, fault }) => {
      const before = [...(lines[(fault.row ?? 1) - 1] ?? '')].slice(0, (fault.col ?? 1) - 1).join('')
      return /=\s*$/.test(before) ? 'There is no value between `:=` and `if`: write one, or leave out `:=`.' : undefined
    },
  ],
  [
    /missing body$/,
    (_, { lines, fault }) => {
      for (let row = (fault.row ?? 1) - 1; row >= 0; row--) {
        const at = (lines[row] ?? '').lastIndexOf('every ')
        if (at < 0) continue
        const text = (lines[row] ?? '').slice(at).trim()
        return {
          message: `\`every\` needs a body that must hold for each member: \`${text} { ... }\`.`,
          line: row + 1,
          column: at + 1,
          width: 'every'.length,
        }
      }
      return undefined
    },
  ],
  [
    /expected else value term or rule body/,
    (_, { rest }) => `\`else\` needs \`:=\` before its value: \`else := ${rest.trim()}\`.`,
  ],
  [
    /^expected else keyword|^unexpected else keyword/,
    (_, { lines, fault }) => {
      const line = lines[(fault.row ?? 1) - 1] ?? ''
      const at = line.lastIndexOf('else', (fault.col ?? 1) - 1)
      return {
        message: 'An `else` branch is written `else := VALUE if { ... }`, right after the body before it.',
        ...(at < 0 ? {} : { column: at + 1, width: 'else'.length }),
      }
    },
  ],
  [
    /^illegal default rule \(value cannot contain (\w+)\)/,
    (_, { rest }) => {
      const name = /^default\s+(\w+)/.exec(rest)?.[1] ?? 'it'
      return `The default of \`${name}\` must be a constant: put the reference into a rule \`${name} := ... if ...\`.`
    },
  ],
  [/^illegal default rule \((.*)\)/, ([what]) => `This default is not allowed: ${what}.`],
  [
    /^unexpected keyword, must be one of \[(.*)\]/,
    ([list = ''], { rest }) => {
      const path = firstWord(rest)
      return `There is no \`${path}\`: the keywords are ${list.split(' ').join(', ')}, and only \`and\`, \`not\` and \`or\` need an import.`
    },
  ],
  [
    /^unexpected import path, must begin with one of: .* got: (\S+)/,
    (_, { rest }) => {
      const path = firstWord(rest)
      return `An import begins with \`data\` or \`input\`: did you mean \`import data.${path}\`?`
    },
  ],
  [
    /^invalid annotation scope '(.*?)'/,
    ([scope = '']) =>
      scope === ''
        ? 'This METADATA block stands before nothing: put it right above the rule or the package that it describes.'
        : `There is no scope \`${scope}\`: write \`rule\`, \`document\`, \`package\` or \`subpackages\`.`,
  ],
  [
    /^annotation scope '(\w+)' must be applied to (\w+)/,
    ([scope, to]) => `A METADATA block with scope \`${scope}\` must stand right above a ${to}.`,
  ],
  [
    /^yaml: (?:unmarshal errors: )?(?:line \d+: )?(.*)$/,
    ([what = ''], { rest, fault }) => {
      const type = /^cannot unmarshal !!\w+ `(.*?)` into (.*)$/.exec(what)
      const wrong =
        type === null
          ? `: ${what}`
          : `: \`${type[1]}\` is not ${{ bool: 'true or false', string: 'text', 'ast.rawAnnotation': 'of the form `key: value`' }[type[2] ?? ''] ?? `a ${type[2]}`}`
      return {
        message: `This METADATA block is not valid YAML${wrong}.`,
        width: [...rest.trimEnd()].length || (fault.width ?? 1),
      }
    },
  ],
  [/^unexpected .* token|^unexpected .* keyword|^non-terminated|^rule body expected|^expected/, bracketOrComma],
]

function firstWord(text: string): string {
  return /^(?:[\w.]+|"[^"]*"|:=|[=!<>]=|.)/u.exec(text)?.[0] ?? ''
}

function joinSentence(sign: string, both: boolean): string {
  return both
    ? `Conditions are not joined by \`${sign}\`: put each on a line of its own inside \`{ }\`, and all must hold.`
    : `Alternatives are not joined by \`${sign}\`: write a second rule of the same name, and either may hold.`
}

function strayWord(word: string, lines: readonly string[], row: number, column: number): Sentence {
  const line = lines[row - 1] ?? ''
  if (word === 'and' || word === 'or') return { message: joinSentence(word, word === 'and'), width: word.length }
  const before = [...line].slice(0, column - 1).join('')
  if (row === 1 && /^\w+ $/.test(before)) {
    return {
      message: 'The first line of a policy must name its package: `package customhouse`.',
      column: 1,
      width: before.length - 1,
    }
  }
  if (before.trim() === '') {
    return {
      message: `\`${word}\` begins no rule: a rule is written \`name := value\` or \`name if { ... }\`.`,
      width: word.length,
    }
  }
  return {
    message: `\`${word}\` cannot stand here, since the rule has ended before it: is an operator missing?`,
    width: word.length,
  }
}

const QUOTES = /['‘’“”„«»]/

function illegal(_: readonly string[], { rest }: Words): Sentence {
  const character = [...rest][0] ?? ''
  if (QUOTES.test(character)) {
    const text = new RegExp(`^${QUOTES.source}(.*?)${QUOTES.source}`).exec(rest)?.[1] ?? '...'
    return {
      message: `Text stands between straight double quotes: \`"${text}"\`.`,
      width: Math.max(1, [...text].length + 2),
    }
  }
  if (character === '!') return 'Rego has no `!`: negate a condition with `not`.'
  return `The character \`${character}\` has no meaning here.`
}

function unclosedString(_: readonly string[], { rest }: Words): Sentence {
  return rest.includes('$"') || rest.includes('{')
    ? 'This text, or a `{ }` inside it, is not closed before the end of the line.'
    : 'This text has no closing quote on its line; text over several lines stands between backticks.'
}

function unclosedTemplate(_: readonly string[], { lines, fault }: Words): Sentence {
  const line = lines[(fault.row ?? 1) - 1] ?? ''
  const at = line.lastIndexOf('{', fault.col ?? 1)
  return {
    message: 'This `{` inside the template string is not closed: a `}` is missing.',
    ...(at < 0 ? {} : { column: [...line.slice(0, at)].length + 1, width: 1 }),
  }
}

/** The parser stumbles over what comes after an open bracket; the bracket itself is what the author must see. */
function bracketOrComma(_: readonly string[], { fault, lines, rest }: Words): Sentence | undefined {
  const row = fault.row ?? 1
  const open = unclosed(lines, row, fault.col ?? 1)
  const word = firstWord(rest)
  if (open?.kind === 'mismatch') {
    return {
      message: `\`${open.found}\` does not close the \`${open.bracket}\` that is open here: \`${open.wanted}\` is missing.`,
      related: [
        { file: fault.file ?? '', line: open.line, column: open.column, message: `the \`${open.bracket}\` is here` },
      ],
    }
  }
  if (open?.kind === 'never') {
    return {
      message: `This \`${open.bracket}\` is never closed: a \`${open.wanted}\` is missing.`,
      line: open.line,
      column: open.column,
      width: 1,
      related: [{ file: fault.file ?? '', line: row, column: fault.col ?? 1, message: 'here at the latest' }],
    }
  }
  if (/expected "," or/.test(fault.message)) return `A comma is missing before \`${word}\`.`
  if (word === 'contains') {
    return `\`contains\` defines a rule and cannot stand inside one: to ask whether a set has a member, write \`x in xs\`.`
  }
  if (/^[)\]}]$/.test(word)) return incomplete(lines, row, fault.col ?? 1, word)
  return word.trim() === '' ? 'Something is missing here.' : `\`${word}\` cannot stand here.`
}

function incomplete(lines: readonly string[], row: number, column: number, word: string): Sentence {
  for (let at = row - 1; at >= 0; at--) {
    const text = at === row - 1 ? (lines[at] ?? '').slice(0, column - 1) : (lines[at] ?? '')
    const trimmed = text.trimEnd()
    if (trimmed.trim() === '') continue
    const operator = /(:=|[=!<>]=|[-=<>+*/%&|,]|\bin|\bnot|\bif)$/.exec(trimmed)?.[0]
    if (operator === undefined) break
    return {
      message: `The right side of \`${operator}\` is missing.`,
      line: at + 1,
      column: [...trimmed].length - operator.length + 1,
      width: operator.length,
    }
  }
  return `\`${word}\` cannot stand here: what comes before it is not complete.`
}
