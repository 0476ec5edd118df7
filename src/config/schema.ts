import { z } from 'zod'
import { DIALECTS } from '../core/call.ts'
import { identity } from './identity.ts'
import { provider } from './provider.ts'
import { duration, listenAddress, MODEL, MODEL_TEXT, name, path, reference, size } from './value.ts'

const model = z.strictObject({
  routes: z
    .array(
      z.strictObject({
        provider: z.string().describe('A name of `providers`.'),
        model: z.string().regex(MODEL, { error: MODEL_TEXT }).describe("The model's name as this provider knows it."),
      }),
    )
    .min(1, { error: 'must hold at least one route' })
    .readonly()
    .describe('Candidate targets, in the order to try them; policies permit and reorder.'),
})

const timeouts = z.strictObject({
  connection: duration('10ms').prefault('10s').describe('From the opening of a connection to its first byte.'),
  headers: duration('10ms').prefault('15s').describe('For the headers of a call.'),
  request: duration('10ms').prefault('60s').describe('For a whole call to arrive.'),
  keep_alive: duration('0ms').prefault('65s').describe('For which an unused connection stays open.'),
  inspect: duration('1ms')
    .prefault('2s')
    .describe('For each inspector to report. Beyond it the call is denied: it was not read.'),
  connect: duration('10ms', '5m').prefault('5s').describe('For TCP and TLS to a provider.'),
  first_byte: duration('10ms').prefault('2m').describe('Until a provider begins to answer.'),
  idle: duration('10ms').prefault('60s').describe('Between two pieces of an answer.'),
  total: duration('10ms').prefault('15m').describe('For a whole answer.'),
})

const canary = z.strictObject({
  tenant: z.string().describe('A name of `tenants`.'),
  model: z.string().describe('A name of `models`.'),
  dialect: z
    .enum(DIALECTS)
    .optional()
    .describe('What the client speaks. Default: each dialect that a target of the model speaks.'),
  groups: z.array(z.string()).readonly().prefault([]).describe('Groups of the caller.'),
  purpose: z.string().optional().describe('What the credential proves the caller to be there for.'),
  task: z.string().optional().describe('What `x-customhouse-task` says.'),
  data_classes: z.array(z.string()).readonly().prefault([]).describe('What `x-customhouse-data-class` says.'),
  findings: z
    .array(z.string())
    .readonly()
    .prefault([])
    .describe('Types of findings in the call, each once, with the score 1.'),
})

/** The configuration as people write it; its output has milliseconds and bytes. Defaults are written as people would write them. */
export const configSchema = z.strictObject({
  version: z.literal(1).describe('Version of this format: 1.'),
  environment: name.prefault('production').describe('What policies see as `input.context.environment`.'),
  listen: z
    .strictObject({
      data: listenAddress.prefault('127.0.0.1:8450').describe('Where clients call. Port 0 lets the system choose one.'),
      admin: listenAddress
        .prefault('127.0.0.1:8451')
        .describe('Health, metrics and administration. Keep it off public networks.'),
      tls: z
        .strictObject({
          cert: path.describe('File with the PEM certificate and its chain.'),
          key: reference.describe(`Reference to its private key, PEM: \`\${file:/run/secrets/tls-key}\`.`),
          client_ca: path
            .optional()
            .describe(
              'File with the PEM certificates of those who issue client certificates; clients are then asked for one.',
            ),
        })
        .optional()
        .describe(
          'Where it stands, the data port speaks TLS only (1.2 or newer; HTTP/2 and HTTP/1.1 by ALPN). Without it the port speaks both in clear text.',
        ),
    })
    .prefault({}),
  state: path.prefault('./state').describe('Folder of the ledger and of caches. Back it up.'),
  keys: path
    .prefault('./keys')
    .describe('Folder of signing, content and gateway keys: apart from `state`, since erasure destroys keys.'),
  policy: z
    .strictObject({
      source: path.optional().describe('Folder of Rego sources, compiled at start and at each reload.'),
      bundle: path.optional().describe('A bundle file, built by `customhouse policy build` or by `opa build -t wasm`.'),
      canaries: z
        .strictObject({
          allow: z.array(canary).readonly().prefault([]).describe('Calls that every policy must allow.'),
          deny: z.array(canary).readonly().prefault([]).describe('Calls that every policy must deny.'),
        })
        .prefault({})
        .describe(
          "Judged before a policy or configuration is activated, by it and against this configuration's own targets; one that comes out otherwise keeps the last good version. The gateway has must-deny canaries of its own besides.",
        ),
    })
    .prefault({ source: './policies' })
    .describe('Exactly one of `source` and `bundle`.'),
  reload: z
    .strictObject({
      every: duration('100ms', '1h')
        .prefault('2s')
        .describe('How often the content of configuration, policies and secret files is compared.'),
      stale_after: duration('1s')
        .optional()
        .describe(
          'When what is on disk could not be read, or was rejected, for so long, calls are denied (`base/policy-stale`) until a reload succeeds. At least twice `every`, better more: each look confirms what it found when it began. Absent: the last good version serves on.',
        ),
    })
    .prefault({}),
  controls: z
    .array(
      z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, {
        error: 'must be the name of a package under data.controls, such as residency',
      }),
    )
    .readonly()
    .prefault([])
    .describe('Controls that must say `satisfied`, besides those that the policy itself requires.'),
  tenants: z
    .record(name, z.strictObject({}))
    .describe('Who exists. What they may do is policy data, not configuration: each value is `{}`.'),
  identity,
  providers: z.record(name, provider).describe('Where calls can be sent.'),
  models: z
    .record(z.string().regex(MODEL, { error: MODEL_TEXT }), model)
    .describe('Names that clients ask for, and the targets that each of them stands for.'),
  residency: z
    .strictObject({
      catalogue: z
        .array(path)
        .readonly()
        .prefault([])
        .describe(
          'Files that are laid over the shipped catalogue, the last on top: your own rows, and what `customhouse residency import` makes.',
        ),
      max_age: duration('1d', '3650d')
        .prefault('180d')
        .describe('Older rows of the catalogue are warned of, at the start and by `check`.'),
    })
    .prefault({}),
  redaction: z
    .strictObject({
      workers: z
        .int()
        .min(0, { error: 'must be at least 0' })
        .max(64, { error: 'must be at most 64' })
        .prefault(1)
        .describe(
          'Threads that inspect long texts, so that no other call waits for them. 0: they are read between other calls.',
        ),
      cache: size('0B', '4GiB')
        .prefault('32MiB')
        .describe('For what was found in texts that come again with each turn of a chat: places and types, no text.'),
      apart_above: size('1KiB', '64MiB')
        .prefault('16KiB')
        .describe('A call with more text than this (UTF-16 units) that was not seen before is inspected in a worker.'),
    })
    .prefault({}),
  audit: z
    .strictObject({
      checkpoint_every: duration('100ms', '1h')
        .prefault('10s')
        .describe('How often a signed checkpoint is written while records arrive.'),
      log: z
        .string()
        .regex(/^[^\s+]{1,200}$/, {
          error: 'must be 1 to 200 characters without spaces and "+" (C2SP signed-note origin)',
        })
        .optional()
        .describe('Name of the log, `organisation/node`, unique to each gateway. Default: `customhouse/<hostname>`.'),
      progress_every: duration('100ms', '1h')
        .prefault('10s')
        .describe('A streamed answer is on record so far at least so often: what a crash can hide of it.'),
      progress_bytes: size('1KiB', '64MiB').prefault('256KiB').describe('The same, by bytes released to the client.'),
      min_free: size('2MiB', '1024GiB')
        .prefault('16MiB')
        .describe(
          "With less room on the ledger's volume nothing new is begun (503); open calls are closed. It passes when there is room.",
        ),
    })
    .prefault({}),
  limits: z
    .strictObject({
      body: size('1KiB', '1GiB').prefault('4MiB').describe('Largest body of a call.'),
      headers: size('1KiB', '1MiB').prefault('32KiB').describe('Largest header section of a call.'),
      connections: z
        .int()
        .min(1, { error: 'must be at least 1' })
        .max(1_000_000, { error: 'must be at most 1000000' })
        .optional()
        .describe(
          'Connections to the data port at one time; further ones are closed at once. Absent: as many as the system has.',
        ),
      streams: z
        .int()
        .min(1, { error: 'must be at least 1' })
        .max(10_000, { error: 'must be at most 10000' })
        .prefault(128)
        .describe('Calls at one time on one HTTP/2 connection.'),
      in_flight_bytes: size('1MiB', '64GiB')
        .prefault('256MiB')
        .describe(
          'Bodies in memory at one time, half of it for one tenant, an eighth for signed calls that are not proved yet; beyond it callers get 503 and Retry-After. Answers that wait for slow readers have as much again.',
        ),
      answer: size('1KiB', '1GiB').prefault('32MiB').describe('Largest answer of a provider.'),
      held_characters: z
        .int()
        .min(1024, { error: 'must be at least 1024' })
        .max(268_435_456, { error: 'must be at most 268435456' })
        .prefault(1_048_576)
        .describe('Longest answer (UTF-16 units) that is held back whole for inspection.'),
      policy: z
        .strictObject({
          input: size('1KiB', '16MiB')
            .prefault('64KiB')
            .describe('Larger policy input is evaluated in a worker, not between the calls of others.'),
          time: duration('5ms', '1m')
            .prefault('250ms')
            .describe('For an evaluation in the worker; what takes longer is ended, and denied (`policy/late`).'),
          share: z
            .int()
            .min(1, { error: 'must be at least 1' })
            .max(100, { error: 'must be at most 100' })
            .prefault(20)
            .describe(
              "Percent of the gateway's time that evaluations for one tenant may take; beyond it they go to the worker, and wait there in turn with those of other tenants. While no other tenant calls, small ones are lent more.",
            ),
        })
        .prefault({}),
      breaker: z
        .strictObject({
          failures: z
            .int()
            .min(1, { error: 'must be at least 1' })
            .max(1000, { error: 'must be at most 1000' })
            .prefault(5)
            .describe('So many failures of a target in a row, within `window`, and it rests.'),
          window: duration('1s', '1h').prefault('30s'),
          rest: duration('100ms', '1h').prefault('15s').describe('For which it is left alone; then one call tries it.'),
          retry_after: duration('1s', '24h')
            .prefault('5m')
            .describe("The longest that a provider's own `Retry-After` is honoured for."),
        })
        .prefault({})
        .describe('When targets are left alone, so that calls go to the next permitted one at once.'),
      timeouts: timeouts.prefault({}),
    })
    .prefault({}),
  drain: z
    .strictObject({
      pre_stop_delay: duration('0ms', '10m')
        .prefault('0s')
        .describe('After SIGTERM: not ready any more, but still answering, so that load balancers notice.'),
      timeout: duration('0ms').prefault('10m').describe('For open streams to end.'),
    })
    .prefault({}),
  traces: z
    .strictObject({
      accept_parent: z
        .boolean()
        .prefault(false)
        .describe(
          "Takes a client's `traceparent` for the parent of the call's span. Only where all clients are trusted; it is never passed on.",
        ),
    })
    .prefault({})
    .describe('Spans are exported where `OTEL_EXPORTER_OTLP_ENDPOINT` (or `..._TRACES_ENDPOINT`) is set.'),
  log: z
    .strictObject({
      level: z
        .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
        .prefault('info')
        .describe('The least that is logged.'),
      format: z.enum(['json', 'pretty']).prefault('json').describe('One JSON object a line, or text for people.'),
    })
    .prefault({}),
})

export type Parsed = z.output<typeof configSchema>

/** JSON Schema (2020-12) of the configuration, for editors and for `customhouse config schema`. */
export function jsonSchema(): z.core.JSONSchema.JSONSchema {
  const { $schema, ...rest } = z.toJSONSchema(configSchema, { io: 'input' })
  return {
    ...($schema === undefined ? {} : { $schema }),
    title: 'Customhouse configuration, version 1',
    ...rest,
  }
}
