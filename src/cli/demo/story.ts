import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  LEDGER_FOLDER,
  listSegments,
  publishedVerifierKey,
  readEntries,
  type Verification,
  verifyLedger,
} from '../../audit/index.ts'
import type { AuditRecord } from '../../core/record.ts'
import { type Answered, ask } from './client.ts'
import type { Ground } from './ground.ts'
import type { Simulator } from './simulator.ts'

/** What a step claims, and what the simulators' byte records and the ledger say about it. Printed text proves nothing. */
export type Step = Readonly<{ title: string; told: readonly string[]; facts: readonly Fact[] }>
export type Fact = Readonly<{ claim: string; holds: boolean }>

/** The story, one step after the other. */
export async function* story(ground: Ground): AsyncGenerator<Step> {
  yield await allowed(ground)
  yield await denied(ground)
  yield await streamed(ground)
  yield await redacted(ground)
  yield await fallback(ground)
  yield await otherDialect(ground)
  yield await otherDialectAllowed(ground)
  yield await tampered(ground)
}

async function allowed(ground: Ground): Promise<Step> {
  const before = arrivals(ground)
  const answer = await ask(ground, { model: 'auto', stream: false })
  const trail = await trailOf(ground, answer.call)
  return {
    title:
      'Allowed: the first route of model "auto" is in Virginia; tenant "claims" is bound to the EEA and Switzerland, so the call goes to Frankfurt',
    told: [told(answer)],
    facts: [
      { claim: 'the client has an answer', holds: answer.status === 200 },
      { claim: 'one request reached Frankfurt, none Virginia or Paris', holds: arrived(ground, before, [1, 0, 0]) },
      { claim: 'what reached Frankfurt holds no gateway key', holds: !keyIn(ground.frankfurt, ground.key) },
      {
        claim: 'the ledger holds the intent to send to DE, and the outcome',
        holds:
          kinds(trail) === 'call.intent call.outcome' &&
          placeOf(trail[0]) === 'DE' &&
          endingOf(trail[1]) === 'complete',
      },
    ],
  }
}

async function denied(ground: Ground): Promise<Step> {
  const before = arrivals(ground)
  const answer = await ask(ground, { model: 'gpt-4o', stream: false })
  const trail = await trailOf(ground, answer.call)
  return {
    title: 'Denied by residency: model "gpt-4o" is served in Virginia only',
    told: [told(answer)],
    facts: [
      {
        claim: 'the client has a 403 that names the rule and the call',
        holds: answer.status === 403 && answer.raw.includes('residency/') && answer.raw.includes(answer.call),
      },
      { claim: 'no provider got a byte', holds: arrived(ground, before, [0, 0, 0]) },
      {
        claim: 'the ledger holds the denial with its rule',
        holds: kinds(trail) === 'call.denied' && JSON.stringify(trail[0]?.body.reasons).includes('residency/'),
      },
    ],
  }
}

async function streamed(ground: Ground): Promise<Step> {
  const before = arrivals(ground)
  const answer = await ask(ground, { model: 'auto', stream: true })
  const trail = await trailOf(ground, answer.call)
  const recordedAt = Date.parse(trail[1]?.t ?? '')
  return {
    title: 'Streamed: the same call, word by word; "finished" waits until the outcome is on disk',
    told: [told(answer)],
    facts: [
      {
        claim: 'the client read several chunks and the end',
        holds: answer.chunks.filter((text) => text !== '').length > 3 && answer.ended,
      },
      { claim: 'one request reached Frankfurt, none Virginia or Paris', holds: arrived(ground, before, [1, 0, 0]) },
      {
        claim: 'the ledger holds intent and outcome, with the tokens used',
        holds: kinds(trail) === 'call.intent call.outcome' && outputTokens(trail[1]) > 0,
      },
      { claim: 'the outcome was recorded before the client read "finished"', holds: recordedAt <= answer.finishedAt },
    ],
  }
}

/** Who never lived, a card that is every processor's test card, and a domain that is kept for examples (RFC 2606). */
const PERSONAL = ['Amelia Hartwell', '4111 1111 1111 1111', 'amelia@example.com']

async function redacted(ground: Ground): Promise<Step> {
  const before = arrivals(ground)
  const [name, card, address] = PERSONAL
  const text = `Refund ${name} on the card ${card} and write to ${address}.`
  const answer = await ask(ground, { model: 'auto', stream: true, text })
  const trail = await trailOf(ground, answer.call)
  const sent = ground.frankfurt.received.at(-1)?.body.toString() ?? ''
  const heard = answer.chunks.join('')
  return {
    title: 'Redacted: what is personal leaves as tokens, and is put back in the answer while it streams',
    told: [`the client asks: ${text}`, `Frankfurt reads: ${contentOf(sent)}`, told(answer)],
    facts: [
      {
        claim: 'one request reached Frankfurt, and holds neither name nor card nor address',
        holds: arrived(ground, before, [1, 0, 0]) && !PERSONAL.some((value) => sent.includes(value)),
      },
      {
        claim: 'a token of its own stood for each of them',
        holds: ['PERSON', 'CREDIT_CARD', 'EMAIL'].every((type) => new RegExp(`${type}_1_[0-9a-z]{4}\\b`).test(sent)),
      },
      {
        claim: 'the client read all three again, in several chunks, and the end',
        holds:
          PERSONAL.every((value) => heard.includes(value)) &&
          answer.chunks.filter((text) => text !== '').length > 3 &&
          answer.ended,
      },
      {
        claim: 'the ledger counts what was taken out, and holds none of it',
        holds:
          kinds(trail) === 'call.intent call.outcome' &&
          JSON.stringify(trail[0]?.body.notes ?? null).includes('CREDIT_CARD') &&
          !PERSONAL.some((value) => JSON.stringify(trail).includes(value)),
      },
    ],
  }
}

function contentOf(body: string): string {
  const { messages } = JSON.parse(body) as { messages: readonly { content: string }[] }
  return messages.at(-1)?.content ?? ''
}

async function fallback(ground: Ground): Promise<Step> {
  const before = arrivals(ground)
  ground.frankfurt.behave(() => ({ kind: 'fail', status: 503 }))
  const answer = await ask(ground, { model: 'auto', stream: false })
  ground.frankfurt.behave(undefined)
  const trail = await trailOf(ground, answer.call)
  return {
    title:
      'Fallback: Frankfurt fails with 503, and the next permitted target answers, which is Paris and never Virginia',
    told: [told(answer)],
    facts: [
      { claim: 'the client has an answer', holds: answer.status === 200 },
      { claim: 'one request reached Frankfurt, one Paris, none Virginia', holds: arrived(ground, before, [1, 1, 0]) },
      {
        claim: 'the ledger holds both attempts',
        holds:
          kinds(trail) === 'call.intent call.attempt_failed call.intent call.outcome' && placeOf(trail[2]) === 'FR',
      },
    ],
  }
}

async function otherDialect(ground: Ground): Promise<Step> {
  const before = arrivals(ground)
  const answer = await ask(ground, { dialect: 'anthropic', model: 'claude-sonnet-4-5', stream: true })
  const trail = await trailOf(ground, answer.call)
  return {
    title:
      'Another dialect, the same rules: Claude at Anthropic is in Virginia, and the denial is one that its SDK knows',
    told: [told(answer)],
    facts: [
      {
        claim: 'the client has a 403 of the type permission_error that names the rule',
        holds:
          answer.status === 403 && /"type":"permission_error"/.test(answer.raw) && answer.raw.includes('residency/'),
      },
      { claim: 'no provider got a byte', holds: arrived(ground, before, [0, 0, 0]) },
      { claim: 'the ledger holds the denial', holds: kinds(trail) === 'call.denied' },
    ],
  }
}

async function otherDialectAllowed(ground: Ground): Promise<Step> {
  const before = arrivals(ground)
  const answer = await ask(ground, { dialect: 'bedrock', model: 'claude-sonnet-4-5', stream: true })
  const trail = await trailOf(ground, answer.call)
  return {
    title: 'And by Bedrock the same model is in Frankfurt: streamed as Converse does it, in frames with checksums',
    told: [told(answer)],
    facts: [
      {
        claim: 'the client read several sound frames and the end',
        holds: answer.status === 200 && answer.chunks.filter((text) => text !== '').length > 3 && answer.ended,
      },
      { claim: 'one request reached Frankfurt, none Virginia or Paris', holds: arrived(ground, before, [1, 0, 0]) },
      { claim: 'what reached Frankfurt holds no gateway key', holds: !keyIn(ground.frankfurt, ground.key) },
      {
        claim: 'the ledger holds the intent to send to DE, and the outcome',
        holds:
          kinds(trail) === 'call.intent call.outcome' &&
          placeOf(trail[0]) === 'DE' &&
          endingOf(trail[1]) === 'complete',
      },
    ],
  }
}

async function tampered(ground: Ground): Promise<Step> {
  const copy = mkdtempSync(join(tmpdir(), 'customhouse-tampered-'))
  try {
    const original = join(ground.folder, 'state', LEDGER_FOLDER)
    cpSync(original, copy, { recursive: true })
    const segment = listSegments(copy).at(-1) ?? ''
    const text = readFileSync(join(copy, segment), 'utf8')
    // Somebody would rather have the denied call look as if it had been a mistake of the client's.
    const forged = text.replace('"status":403', '"status":400')
    writeFileSync(join(copy, segment), forged)
    const key = publishedVerifierKey(join(ground.folder, 'keys'))
    const options = key === null ? {} : { publicKey: key }
    const [genuine, found] = [await verifyLedger(original, options), await verifyLedger(copy, options)]
    return {
      title: 'Tampered: in a copy of the ledger, the status of the denial is changed from 403 to 400',
      told: [`the ledger: ${described(genuine)}`, `the copy: ${described(found)}`],
      facts: [
        {
          claim: 'the ledger itself holds',
          holds: genuine.status !== 'tampered' && genuine.damage === null && genuine.size > 0,
        },
        { claim: 'exactly one character was forged', holds: forged !== text && forged.length === text.length },
        {
          claim: 'the forged record was found, and its place named',
          holds: found.status === 'tampered' && found.damage !== null,
        },
      ],
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function described({ status, size, damage }: Verification): string {
  return damage === null ? `${status}, ${size} records` : `${status}: ${damage.message}`
}

const told = ({ status, chunks }: Answered): string => `HTTP ${status}: ${chunks.join('')}`

const arrivals = ({ frankfurt, paris, virginia }: Ground): readonly number[] =>
  [frankfurt, paris, virginia].map(({ received }) => received.length)

function arrived(ground: Ground, before: readonly number[], expected: readonly number[]): boolean {
  return arrivals(ground).every((count, index) => count - (before[index] ?? 0) === expected[index])
}

function keyIn(simulator: Simulator, key: string): boolean {
  return simulator.received.some(
    ({ headers, body, path }) => JSON.stringify([path, headers]).includes(key) || body.includes(key),
  )
}

async function trailOf(ground: Ground, call: string): Promise<readonly AuditRecord[]> {
  const trail: AuditRecord[] = []
  const onDamage = ({ message }: { message: string }): never => {
    throw new Error(message)
  }
  for await (const { leaf } of readEntries(join(ground.folder, 'state', LEDGER_FOLDER), { onDamage }))
    if (leaf.call === call) trail.push(leaf)
  return trail
}

const kinds = (trail: readonly AuditRecord[]): string => trail.map(({ kind }) => kind).join(' ')
const endingOf = (record: AuditRecord | undefined): unknown => record?.body.ending

function outputTokens(record: AuditRecord | undefined): number {
  const usage = record?.body.usage as { output_tokens?: number } | undefined
  return usage?.output_tokens ?? 0
}

function placeOf(record: AuditRecord | undefined): string {
  const target = record?.body.target as { residency?: { processing?: readonly string[] } } | undefined
  return target?.residency?.processing?.join(',') ?? ''
}
