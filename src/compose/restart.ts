import type { Config, LoadedConfig } from '../config.ts'

/** Settings that are read once: sockets, folders and the log's name cannot change under a running gateway. By their names in the file. */
const READ_ONCE: Readonly<Record<string, (config: Config) => unknown>> = {
  listen: ({ listen: { data, admin, tls } }) => ({
    data,
    admin,
    tls: tls === null ? null : { client_ca: tls.clientCa !== null },
  }),
  state: ({ state }) => state,
  keys: ({ keys }) => keys,
  'reload.every': ({ reload }) => reload.everyMs,
  audit: ({ audit: { log, checkpointEveryMs, minFreeBytes } }) => ({ log, checkpointEveryMs, minFreeBytes }),
  log: ({ log }) => log,
  identity: ({ identity }) => identity,
  'limits.headers': ({ limits }) => limits.headerBytes,
  'limits.connections': ({ limits }) => limits.connections,
  'limits.streams': ({ limits }) => limits.streams,
  'limits.in_flight_bytes': ({ limits }) => limits.inFlightBytes,
  'limits.timeouts.connection': ({ limits }) => limits.timeouts.connectionMs,
  'limits.timeouts.headers': ({ limits }) => limits.timeouts.headersMs,
  'limits.timeouts.request': ({ limits }) => limits.timeouts.requestMs,
  'limits.timeouts.keep_alive': ({ limits }) => limits.timeouts.keepAliveMs,
}

/** The names of those that are others now, in the file's words. */
export function needRestart({ config: before }: LoadedConfig, { config: after }: LoadedConfig): readonly string[] {
  return Object.entries(READ_ONCE)
    .filter(([, read]) => textOf(read(before)) !== textOf(read(after)))
    .map(([name]) => name)
}

/** Maps as well: JSON alone would write each as `{}`. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (member instanceof Map ? [...member] : member))
}
