import { parseArgs } from 'node:util'
import { nearest } from '../../src/config/nearest.ts'

/** In this order they run. */
export const NAMES = ['kill', 'disk', 'reload', 'machine', 'soak'] as const
export type Name = (typeof NAMES)[number]

/** What each option is of, its least value, and its default; null: it has none. */
const OPTIONS = {
  kills: { of: ['kill'], least: 1, usual: 10_000 },
  calls: { of: ['soak'], least: 1, usual: 1_000_000 },
  minutes: { of: ['reload', 'soak'], least: 1, usual: null },
  seed: { of: ['kill', 'machine', 'soak'], least: 0, usual: null },
} as const satisfies Readonly<Record<string, Readonly<{ of: readonly Name[]; least: number; usual: number | null }>>>
type Option = keyof typeof OPTIONS
const OPTION_NAMES = Object.keys(OPTIONS) as Option[]
/** What fast-check takes. */
const MOST = 2 ** 31 - 1

/** What is to run. `minutes`: null if no time was given. */
export type Command = Readonly<{
  names: readonly Name[]
  kills: number
  calls: number
  minutes: number | null
  seed: number
}>

export const USAGE = `npm run torture [-- [${NAMES.join('|')}]... [options]]

  --kills N     of kill: kills in all (10000)
  --calls N     of soak: calls in all (1000000)
  --minutes N   of reload: how long it goes on (1); of soak: begins nothing more after so long
  --seed S      of kill, machine, soak: the same calls, kills and lives again (printed; drawn if not given)
  --help

Without a name all of them run, in this order. Ends with 0 if all that ran held, with 1 at the first that did not, with 3 for a command
that is none. docs/torture.md says what each of them breaks.`

/** A command that is none: what is wrong, and with which argument. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const isName = (text: string): text is Name => (NAMES as readonly string[]).includes(text)
const isOption = (text: string): text is Option => text in OPTIONS

/**
 * Reads what stands after `npm run torture --`.
 *
 * @param drawn the seed if none is given
 * @throws UsageError
 */
export function readCommand(args: readonly string[], drawn: number): Command | 'help' {
  // Not strict: what is wrong is said in our own words, with its place.
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      ...Object.fromEntries(OPTION_NAMES.map((name) => [name, { type: 'string' as const }])),
    },
  })
  const names = new Set<Name>()
  const given = new Map<Option, Readonly<{ value: number; at: number }>>()
  const wrong = (index: number, what: string): UsageError => new UsageError(`argument ${index + 1}: ${what}`)
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') {
      if (!isName(token.value)) throw wrong(token.index, `"${token.value}" is no torture.${meant(token.value, NAMES)}`)
      names.add(token.value)
      continue
    }
    const { name, rawName, index } = token
    if (name === 'help') return 'help'
    if (!isOption(name)) throw wrong(index, `${rawName} is no option.${meant(name, OPTION_NAMES, '--')}`)
    if (given.has(name)) throw wrong(index, `${rawName} is given twice.`)
    given.set(name, {
      value: whole(token.value, OPTIONS[name].least, rawName, (what) => wrong(index, what)),
      at: index,
    })
  }
  const chosen = NAMES.filter((name) => names.size === 0 || names.has(name))
  for (const [name, { at }] of given)
    if (!OPTIONS[name].of.some((one) => chosen.includes(one)))
      throw wrong(at, `--${name} is for ${OPTIONS[name].of.join(', ')}: nothing of that runs.`)
  const valueFor = (name: Option): number | undefined => given.get(name)?.value
  return {
    names: chosen,
    kills: valueFor('kills') ?? OPTIONS.kills.usual,
    calls: valueFor('calls') ?? OPTIONS.calls.usual,
    minutes: valueFor('minutes') ?? null,
    seed: valueFor('seed') ?? drawn,
  }
}

function whole(text: string | undefined, least: number, option: string, wrong: (what: string) => UsageError): number {
  const value = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= MOST) return value
  const found = text === undefined ? 'and there is none' : `not "${text}"`
  throw wrong(`${option} takes a whole number from ${least} to ${MOST}, ${found}.`)
}

function meant(word: string, all: readonly string[], before = ''): string {
  const near = nearest(word, all)
  return near === null ? ` There are ${all.map((one) => before + one).join(', ')}.` : ` Is ${before}${near} meant?`
}

/** The command that runs one of them again with all that it was given, and nothing else. */
export function commandFor(name: Name, command: Command): string {
  const takes = OPTION_NAMES.filter((option) => (OPTIONS[option].of as readonly Name[]).includes(name))
  const values = takes.flatMap((option) => (command[option] === null ? [] : [`--${option} ${command[option]}`]))
  return ['npm run torture --', name, ...values].join(' ')
}
