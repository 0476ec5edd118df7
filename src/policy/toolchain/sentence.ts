import type { Diagnostic } from './diagnostic.ts'
import type { Fault } from './protocol.ts'
import { syntaxSentences } from './syntax.ts'
import { typeSentences } from './types.ts'
import { alternatives, didYouMean, type Sentence, type SentenceTable, type Words } from './words.ts'

/** The fault in our words. `lines` are those of its file. */
export function sentenceOf(fault: Fault, lines: readonly string[]): Diagnostic {
  const line = fault.row ?? 1
  const column = Math.max(1, fault.col ?? 1)
  const words: Words = {
    fault,
    lines,
    detail: fault.detail ?? {},
    rest: [...(lines[line - 1] ?? '')].slice(column - 1).join(''),
  }
  const message = fault.message.replaceAll(/\s*\n\s*/g, ' ')
  let found: Sentence | undefined
  for (const [pattern, say] of [...syntaxSentences, ...typeSentences, ...ruleSentences]) {
    const match = pattern.exec(message)
    found = match === null ? undefined : say(match.slice(1), words)
    if (found !== undefined) break
  }
  const said = typeof found === 'string' ? { message: found } : (found ?? { message: plain(message) })
  return {
    file: fault.file ?? '',
    line,
    column,
    width: Math.max(1, fault.width ?? 1),
    code: fault.code,
    cause: fault.message,
    related: [],
    ...said,
    message: withoutInventions(said.message),
  }
}

/** The names that the compiler makes up mean nothing to an author. */
function withoutInventions(message: string): string {
  return message.replaceAll(/__local\d+__/g, 'a value')
}

/** What we have no words for is OPA's. */
function plain(message: string): string {
  const text = message.replace(/\.$/, '')
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

const ruleSentences: SentenceTable = [
  [
    /^var (\S+) is unsafe/,
    ([name = ''], { detail, fault, lines, rest }) => {
      const before = [...(lines[(fault.row ?? 1) - 1] ?? '')].slice(0, (fault.col ?? 1) - 1).join('')
      if (/\bnot\b.*\[$/.test(before)) {
        return `\`${name}\` has no value here, since \`not\` gives none: take it from the collection before (\`some ${name}, x in xs\`), or put the condition into a rule of its own.`
      }
      if (name.startsWith('__local')) return 'A part of this expression is never given a value.'
      const [first] = detail.packages ?? []
      if (first !== undefined) return `\`${name}\` has no value here: add \`import ${first}\` below the package line.`
      if (/^\w+\s*:[^=]/.test(rest)) {
        return `\`${name}\` has no value here; if it is meant as a key, quote it: \`"${name}":\`.`
      }
      if (detail.near !== undefined) return `\`${name}\` is never given a value in this rule${didYouMean(detail.near)}`
      return `\`${name}\` is never given a value in this rule: assign it (\`${name} := ...\`), define a rule of that name, or import it.`
    },
  ],
  [/^expression is unsafe/, () => 'A part of this expression is never given a value.'],
  [
    /^import (\S+)(?: as (\S+))? unused/,
    ([path = '', alias]) => `The import \`${alias ?? path}\` is never used: remove this line.`,
  ],
  [
    /^import must not shadow import (\S+)/,
    ([path = ''], { rest }) => {
      const name = path.split('.').at(-1)
      const here = /^import (\S+)/.exec(rest)?.[1] ?? path
      return `Two imports are both called \`${name}\`: give this one a name of its own, \`import ${here} as ...\`.`
    },
  ],
  [
    /^assigned var (\S+) unused/,
    ([name]) => `\`${name}\` is assigned but never used: use it, or remove the assignment.`,
  ],
  [/^declared var (\S+) unused/, ([name]) => `\`${name}\` is declared but never used: remove it.`],
  [
    /^unused argument ([^\s.]+)/,
    ([name]) => `The argument \`${name}\` is never used: write \`_\` in its place if that is meant.`,
  ],
  [/^var (\S+) is undeclared/, ([name]) => `\`${name}\` has no value here: assign it before it is used.`],
  [
    /^var (\S+) (assigned|declared) (?:above|before)/,
    ([name, how]) =>
      `\`${name}\` is already ${how} in this rule, and a variable has one value: choose another name, or compare with \`==\`.`,
  ],
  [
    /^var (\S+) referenced above/,
    ([name]) => `\`${name}\` is used above, before it is assigned here: move the assignment up.`,
  ],
  [/^arg (\S+) redeclared/, ([name]) => `\`${name}\` is an argument of this function: choose another name.`],
  [
    /^(variables|rules|args) must not shadow (\S+)/,
    ([, name]) => `\`${name}\` is a name of Rego itself and cannot be given another meaning: choose another name.`,
  ],
  [
    /^cannot assign to (\S+)/,
    (_, { rest }) => {
      const left = /^(.*?)\s*:=/.exec(rest)?.[1] ?? 'this'
      return `Only a new variable can be assigned with \`:=\`, and \`${left}\` is none: compare with \`==\`.`
    },
  ],
  [
    /^conflicting rules data\.(\S+) found/,
    ([path = ''], { detail, fault }) => {
      const name = path.split('.').at(-1)
      const [here, ...others] = detail.places ?? []
      const kinds = new Set(detail.places?.map(({ kind, args }) => kindOf(kind, args)))
      return {
        message: `\`${name}\` is defined as ${alternatives([...kinds], 'and')}: all rules of one name must be of one kind.`,
        ...(here === undefined ? {} : { file: here.file, line: here.row, column: here.col }),
        width: name?.length ?? fault.width ?? 1,
        related: others
          .filter(({ kind, args }) => kind !== here?.kind || args !== here.args)
          .map(({ file, row, col, kind, args }) => ({
            file,
            line: row,
            column: col,
            message: `here it is ${kindOf(kind, args)}`,
          })),
      }
    },
  ],
  [
    /^multiple default rules data\.(\S+) found/,
    ([path = ''], { detail }) => {
      const [first, ...others] = (detail.places ?? []).filter((place) => place.default)
      const message = `\`${path.split('.').at(-1)}\` has more than one default: keep one.`
      if (first === undefined) return message
      return {
        message,
        file: first.file,
        line: first.row,
        column: first.col,
        width: 'default'.length,
        related: others.map(({ file, row, col }) => ({ file, line: row, column: col, message: 'and here' })),
      }
    },
  ],
  [
    /^rule (\S+) (?:is|may be) recursive: (.*)$/,
    ([rule = '', path = ''], { fault }) => {
      const names = path.split(' -> ').map((one) => one.split('.').at(-1))
      const name = rule.split('.').at(-1) ?? ''
      const how = names.length > 2 ? ` (${names.join(' → ')})` : ''
      return {
        message: `\`${name}\` depends on itself${how}: Rego has no recursion, so break the circle.`,
        width: Math.min(name.length, fault.width ?? 1),
      }
    },
  ],
  [
    /^package (\S+) conflicts with rule (\S+) defined at (.+):(\d+)/,
    ([path, rule, file = '', line], { fault }) => ({
      message: `The package \`${path}\` and the rule \`${rule}\` have the same path: rename one.`,
      width: fault.width ?? 1,
      related: [{ file, line: Number(line), column: 1, message: 'the rule is here' }],
    }),
  ],
  [
    /^rule data\.(\S+) conflicts with: rule data\.(\S+) at (.+):(\d+)/,
    ([a, b, file = '', line]) => ({
      message: `The rule \`${a}\` cannot have a value of its own, since \`${b}\` is a part of it: rename one.`,
      related: [{ file, line: Number(line), column: 1, message: `\`${b}\` is here` }],
    }),
  ],
  [
    /^conflicting rule for data path (\S+) found/,
    ([path = '']) =>
      `A data file already gives a value to \`data.${path.replaceAll('/', '.')}\`, where this rule would stand: rename one.`,
  ],
  [
    /^with keyword target must/,
    (_, { detail, rest }) => {
      const name = detail.name ?? /^\S+/.exec(rest)?.[0] ?? ''
      const near = detail.near?.[0] ?? (name.includes('.') ? `input.${name}` : undefined)
      return `\`with\` cannot replace \`${name}\`, only \`input\`, \`data\` or a function${didYouMean(near === undefined ? undefined : [near])}`
    },
  ],
  [
    /^with keyword cannot partially replace virtual document/,
    () => '`with` cannot replace only a part of what a rule defines: replace the whole rule.',
  ],
  [
    /^undefined schema: (\S+)/,
    ([name = ''], { fault, lines }) => {
      const row = lines.slice(0, fault.row).findLastIndex((line) => /^\s*#/.test(line) && line.includes(name))
      return {
        message: `There is no \`${name}\`: the schemas are the files in schema/, by name.`,
        ...(row < 0 ? {} : { line: row + 1, column: (lines[row] ?? '').indexOf(name) + 1, width: name.length }),
      }
    },
  ],
  [
    /^error parsing regexp: (.*)$/,
    ([what], { fault }) =>
      fault.code === 'customhouse_regex_error'
        ? `This regular expression cannot be compiled, and the condition would never hold: ${what}.`
        : undefined,
  ],
  [
    /^(\S+) is (.+) at (.+):(\d+) and (.+) here$/,
    ([path = '', first, file = '', line, second], { fault }) => ({
      message: `\`${path.split('.').at(-1)}\` is \`${first}\` and \`${second}\` at once, which ends every evaluation with an error: give one of them a condition.`,
      width: fault.width ?? 1,
      related: [{ file, line: Number(line), column: 1, message: `here it is \`${first}\`` }],
    }),
  ],
  [
    /^unknown METADATA key (\S+)/,
    ([name], { detail }) =>
      `METADATA has no key \`${name}\`${didYouMean(detail.near).replace(/^\.$/, ': what is your own goes below `custom`.')}`,
  ],
  [
    /^(?:rule|function) (\S+) produced conflicting values: (.*)$/,
    ([path = '', values = '']) =>
      `\`${path.split('.').at(-1)}\` comes to different values at once (${values.replaceAll(/(:\d+) /g, '$1, ')}): its conditions must exclude each other.`,
  ],
  [
    /^(complete rules|functions|object keys) must (?:not produce multiple outputs|be unique)/,
    ([what]) =>
      `This ${what === 'functions' ? 'function' : what === 'object keys' ? 'object' : 'rule'} comes to two different values at once: its conditions must exclude each other.`,
  ],
  [
    /^wasm compilation requires at least one entrypoint/,
    () => 'There is nothing to build: name an entrypoint, or mark a rule with `# METADATA` and `# entrypoint: true`.',
  ],
  [
    /^entrypoint ["']?([^"'\s]+)["']? does not refer/,
    ([name]) => `The entrypoint \`${name}\` names no rule and no package.`,
  ],
]

function kindOf(kind: string, args: number): string {
  if (kind === 'function') return args === 1 ? 'a function of 1 argument' : `a function of ${args} arguments`
  return { complete: 'a single value', set: 'a set', object: 'an object' }[kind] ?? kind
}
