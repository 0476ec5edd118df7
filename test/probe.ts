import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CallFacts, Edit, Finding, Outcome, Segment } from '../src/core/call.ts'
import type { Phase } from '../src/core/decision.ts'
import type { Filter, LaneView, Plugin, RequestOrder } from '../src/core/plugin.ts'
import { ROOT } from './house.ts'

/**
 * A plugin that does everything a plugin may do, for tests alone: it finds `SECRET-123` and `CUT-123`, redacts and restores, masks,
 * comes back unmet, throws and dawdles where a test asks for it.
 */
export type Probe = Plugin &
  Readonly<{ settled: { call: string; outcome: Outcome }[]; released: string[]; faults: Set<ProbeFault> }>
export type ProbeFault =
  | 'inspect throws'
  | 'inspect throws at once'
  | 'inspect says nothing'
  | 'inspect hangs'
  | 'inspect lies'
  | 'response inspect throws'
  | 'facts throw'
  | 'settle throws'
  | 'settle hangs'
  | 'filter throws'

const SECRET = /\b(SECRET|CUT|MARK)-\d{1,12}\b/g

export function makeProbe(): Probe {
  const faults = new Set<ProbeFault>()
  const settled: { call: string; outcome: Outcome }[] = []
  const released: string[] = []
  return {
    name: 'probe',
    span: 20,
    faults,
    settled,
    released,
    inspect: (phase, segments, signal) => {
      if (faults.has('inspect throws at once')) throw new Error('probe inspect')
      return inspect(phase, segments, signal, faults)
    },
    facts: () => {
      if (faults.has('facts throw')) throw new Error('probe facts')
      return { seen: true }
    },
    settle: async (call: CallFacts, outcome: Outcome) => {
      settled.push({ call: call.id, outcome })
      if (faults.has('settle throws')) throw new Error('probe settle')
      if (faults.has('settle hangs')) await new Promise(() => undefined)
    },
    discharge: {
      'probe.redact': { stage: 'redact', request: redact },
      'probe.mask': { stage: 'redact', response: () => ({ met: true, filter: mask(faults) }) },
      'probe.unmask': {
        stage: 'redact',
        response: () => ({ met: false, code: 'unredactable', message: 'the probe cannot unmask' }),
      },
      'probe.quota': {
        stage: 'reserve',
        request: ({ target, obligation }) =>
          obligation.params.target === target.id || obligation.params.target === '*'
            ? { met: false, code: 'quota_exhausted', retryAfterSeconds: 7, message: 'the probe has no tokens left' }
            : { met: true, reservation: `r-${target.id}`, release: () => void released.push(target.id) },
      },
      'probe.clamp': {
        stage: 'clamp',
        request: () => ({ met: true, assign: [{ pointer: '/max_tokens', value: 16 }] }),
      },
      'probe.elsewhere': {
        stage: 'pin',
        request: () => ({ met: true, pin: { endpoint: ['JP'], processing: ['JP'], storage: ['JP'] } }),
      },
      'probe.hang': { stage: 'reserve', request: () => new Promise(() => undefined) },
      'probe.long': {
        stage: 'clamp',
        request: () => ({ met: false, code: 'unclampable', message: '\u0001'.repeat(100_000) }),
      },
      'probe.throw': {
        stage: 'clamp',
        request: () => {
          throw new Error('probe discharge')
        },
      },
    },
  }
}

async function inspect(
  phase: Phase,
  segments: readonly Segment[],
  signal: AbortSignal,
  faults: ReadonlySet<ProbeFault>,
): Promise<readonly Finding[]> {
  // As a plugin in plain JavaScript may: its contract says that there is a list.
  if (faults.has('inspect says nothing')) return JSON.parse('null')
  if (faults.has('inspect throws')) throw new Error('probe inspect')
  if (faults.has('response inspect throws') && phase === 'response') throw new Error('probe inspect')
  if (faults.has('inspect hangs'))
    await new Promise((_, reject) => signal.addEventListener('abort', () => setTimeout(reject, 500)))
  if (faults.has('inspect lies')) return [{ type: 'LIE', pointer: '/nowhere', start: 0, end: 3, score: 1 }]
  return segments.flatMap((segment) =>
    matches(segment.text).map(({ type, start, end }) => ({ type, pointer: segment.pointer, start, end, score: 0.9 })),
  )
}

function matches(text: string): { type: string; start: number; end: number }[] {
  return [...text.matchAll(SECRET)].map((match) => ({
    type: match[1] ?? '',
    start: match.index,
    end: match.index + match[0].length,
  }))
}

/** `SECRET-123` becomes `<<1>>` on the way out, and is put back in the answer. */
function redact({ segments, findings }: RequestOrder) {
  const originals: string[] = []
  const edits: Edit[] = findings
    .filter(({ type }) => type === 'SECRET')
    .map(({ pointer, start, end }) => {
      const text = segments.find((segment) => segment.pointer === pointer)?.text.slice(start, end) ?? ''
      let index = originals.indexOf(text)
      if (index === -1) index = originals.push(text) - 1
      return { pointer, start, end, text: `<<${index + 1}>>` }
    })
  const restore: Filter = {
    name: 'probe.restore',
    hold: 8,
    // What is signed stays as it was sent: an edit of it would deny the answer.
    edit: ({ text, signed }: LaneView) =>
      [...(signed ? '' : text).matchAll(/<<(\d{1,4})>>/g)].map((match) => ({
        start: match.index,
        end: match.index + match[0].length,
        text: originals[Number(match[1]) - 1] ?? match[0],
      })),
  }
  return { met: true, edits, filter: restore } as const
}

/** `MARK-123` in an answer becomes `[marked]`. */
function mask(faults: ReadonlySet<ProbeFault>): Filter {
  return {
    name: 'probe.mask',
    hold: 20,
    edit: ({ text }: LaneView) => {
      if (faults.has('filter throws')) throw new Error('probe filter')
      return matches(text)
        .filter(({ type }) => type === 'MARK')
        .map(({ start, end }) => ({ start, end, text: '[marked]' }))
    },
  }
}

/** The shipped main.rego, with one control: `probe`. */
export function probePolicies(rules: string): Record<string, string> {
  const main = readFileSync(join(ROOT, 'policies/main.rego'), 'utf8')
    .replace(/controls: \[[^\]]*\]/, 'controls: [probe]')
    .replace(/obligations: \[[^\]]*\]/, 'obligations: [probe.redact, probe.mask, probe.quota, stream.hold]')
  return {
    'main.rego': main,
    'controls/probe/probe.rego': `package controls.probe\n\nimport data.customhouse.targets\n\n${rules}\n`,
    'schema/input.json': readFileSync(join(ROOT, 'policies/schema/input.json'), 'utf8'),
  }
}

/** Allows everything; the request's obligations are those of the case in the header `x-customhouse-meta-case`. */
export const CASES = `
satisfied[target.id] := true if {
	some target in targets
	input.call.principal.tenant == "claims"
	not refused
}

refused if {
	input.phase == "response"
	some finding in input.findings
	finding.type == "CUT"
}

refused if {
	input.phase == "response"
	input.progress.finished
	input.call.metadata.case == "deny-at-end"
}

reasons[target.id] contains {"rule": "probe/cut", "controls": ["TEST-1"], "message": "the answer holds what it must not"} if {
	refused
	some target in targets
}

request := {
	"redact": [{"type": "probe.redact", "params": {}}],
	"redact-hold": [{"type": "probe.redact", "params": {}}, {"type": "stream.hold", "params": {}}],
	"hold": [{"type": "stream.hold", "params": {}}],
	"quota": [{"type": "probe.quota", "params": {"target": "*"}}],
	"quota-first": [{"type": "probe.quota", "params": {"target": "one/gpt-4o"}}],
	"clamp": [{"type": "probe.clamp", "params": {}}],
	"elsewhere": [{"type": "probe.quota", "params": {"target": "none"}}, {"type": "probe.elsewhere", "params": {}}],
	"nobody": [{"type": "probe.nobody", "params": {}}],
	"wrong-phase": [{"type": "probe.mask", "params": {}}],
	"throw": [{"type": "probe.throw", "params": {}}],
	"hang": [{"type": "probe.hang", "params": {}}],
	"long": [{"type": "probe.long", "params": {}}],
}

response := {
	"mask": [{"type": "probe.mask", "params": {}}],
	"unmask": [{"type": "probe.unmask", "params": {}}],
	"response-wrong-phase": [{"type": "probe.redact", "params": {}}],
	"response-hold": [{"type": "stream.hold", "params": {}}],
}

asked := object.get(request, object.get(input.call.metadata, "case", ""), []) if input.phase == "request"

asked := object.get(response, object.get(input.call.metadata, "case", ""), []) if input.phase == "response"

obligations[target.id] := asked if some target in targets
`
