import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  openContentKeys,
  publishedVerifierKey,
  readDisclosure,
  readEntries,
  sealContext,
  unseal,
  verifyLedger,
} from '../../src/audit/index.ts'
import type { Json } from '../../src/core/json.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import { type AuditRecord, CLOSING_KINDS } from '../../src/core/record.ts'
import { type Ground, type House, startHouse } from '../house.ts'
import type { ReadRequest } from '../kit/index.ts'
import { probePolicies } from '../probe.ts'
import { ALL_DOORS, type Door } from './doors.ts'

/** A gateway with every door open, in front of one upstream that plays all providers. */
export type Post = House &
  Readonly<{
    port: number
    /** Everything durable so far, as it was announced. */
    journal: readonly AuditRecord[]
    /** Resolves when every intent of the journal has its closing record. */
    settled(): Promise<void>
    /** The secret that the gateway holds for the providers. */
    credential: string
  }>

/** Allows whatever the tenant calls: here the wire is tried, not the rules. */
const ALLOWED = `satisfied[target.id] := true if {
	input.call.principal.tenant == "claims"
	some target in targets
}

obligations[target.id] := [] if some target in targets`

const WRITTEN = probePolicies(ALLOWED)
const POLICIES = {
  ...WRITTEN,
  'main.rego': (WRITTEN['main.rego'] ?? '').replace(/obligations: \[[^\]]*\]/, 'obligations: []'),
}

export type PostOptions = Readonly<{
  upstream: string
  config?: Readonly<Record<string, Json>>
  plugins?: readonly Plugin[]
  /** Whether what was recorded is kept in memory; it is, if not said otherwise. */
  journal?: boolean
}>

export async function startPost({
  upstream,
  config = {},
  plugins = [],
  journal: kept = true,
}: PostOptions): Promise<Post> {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-wire-'))
  const secret = join(folder, 'provider-key')
  const credential = 'sk-of-the-gateway-itself'
  writeFileSync(secret, credential)
  const journal: AuditRecord[] = []
  const open = new Set<number>()
  let waiting: (() => void)[] = []
  const journalist: Plugin = {
    name: 'journalist',
    record: (record) => {
      journal.push(record)
      if (record.kind === 'call.intent') open.add(record.seq)
      if (record.of !== undefined && CLOSING_KINDS.includes(record.kind)) open.delete(record.of)
      if (open.size > 0) return
      for (const resolve of waiting) resolve()
      waiting = []
    },
  }
  const house = await startHouse({
    providers: {},
    policies: POLICIES,
    plugins: kept ? [journalist, ...plugins] : plugins,
    config: {
      providers: Object.fromEntries(ALL_DOORS.map((door) => [door.provider, providerOf(door, upstream, secret)])),
      models: Object.fromEntries(
        ALL_DOORS.map(({ model, provider, target }) => [model, { routes: [{ provider, model: target }] }]),
      ),
      reload: { every: '1h' },
      log: { level: 'info', format: 'json' },
      ...config,
    },
  })
  return {
    ...house,
    port: Number(new URL(house.customhouse.data).port),
    journal,
    settled: () => (open.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    credential,
    stop: async () => {
      await house.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function providerOf({ kind, base }: Door, upstream: string, secret: string): Json {
  const places = ['DE']
  return {
    kind,
    base_url: `${upstream}${base}`,
    ...(kind === 'bedrock' ? { region: 'eu-central-1' } : {}),
    credential: `\${file:${secret}}`,
    residency: { endpoint: places, processing: places, storage: places },
  }
}

/** Fields that the transport and the adapter add to a dispatch. */
const ADDED: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'accept-encoding',
  'authorization',
  'x-api-key',
  'api-key',
])

/** The digest of the dispatch that these bytes can only have come from: method, address, its own fields, body. */
export function digestOf(request: ReadRequest, origin: string): string {
  const own = request.headers.filter(([name]) => !ADDED.has(name.toLowerCase()))
  return createHash('sha256')
    .update(`${request.method} ${origin}${request.path}\n${JSON.stringify(Object.fromEntries(own))}\n`)
    .update(request.body)
    .digest('hex')
}

/** What the ledger of a gateway that has stopped says about its calls. */
export type Evidence = Readonly<{
  status: string
  /** How often a dispatch of this digest was put on record before it was sent. */
  dispatched: ReadonlyMap<string, number>
  /** Calls with an intent, calls with a denial. */
  intents: ReadonlySet<string>
  denied: ReadonlySet<string>
  /** Sequence numbers of intents that have not exactly one closing record. */
  open: readonly number[]
}>

export async function readEvidence(ground: Ground): Promise<Evidence> {
  const directory = join(ground.state, 'ledger')
  const keys = join(ground.folder, 'keys')
  const content = openContentKeys(keys, { make: false })
  const publicKey = publishedVerifierKey(keys)
  const { status } = await verifyLedger(directory, publicKey === null ? {} : { publicKey })
  const dispatched = new Map<string, number>()
  const intents = new Set<string>()
  const denied = new Set<string>()
  const closings = new Map<number, number>()
  const onDamage = (damage: { message: string }): never => {
    throw new Error(damage.message)
  }
  for await (const { leaf, sealed } of readEntries(directory, { onDamage })) {
    if (leaf.kind === 'call.denied' && leaf.call !== null) denied.add(leaf.call)
    if (leaf.of !== undefined && CLOSING_KINDS.includes(leaf.kind))
      closings.set(leaf.of, (closings.get(leaf.of) ?? 0) + 1)
    if (leaf.kind !== 'call.intent' || leaf.call === null || sealed === null) continue
    intents.add(leaf.call)
    closings.set(leaf.seq, closings.get(leaf.seq) ?? 0)
    const key = content.opening(sealed.k)
    const opened = key === null ? [] : (unseal(key, sealContext(leaf.log, leaf.seq, leaf.id), sealed.x) ?? [])
    for (const disclosure of opened) {
      const told = readDisclosure(disclosure)
      if (told?.name !== 'dispatch') continue
      const digest = String(told.value)
      dispatched.set(digest, (dispatched.get(digest) ?? 0) + 1)
    }
  }
  const open = [...closings].filter(([, count]) => count !== 1).map(([seq]) => seq)
  return { status, dispatched, intents, denied, open }
}
