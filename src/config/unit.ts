/** Durations, sizes and addresses, as people write them in the configuration and on the command line. */

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const SIZE_UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const

export const DURATION = /^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$/
export const SIZE = /^(0|[1-9][0-9]{0,11})(B|KiB|MiB|GiB)$/
/** `host:port`; the host is an IPv4 address, an IPv6 address in brackets, or a name. */
export const LISTEN = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})):(0|[1-9][0-9]{0,4})$/

export type ListenAddress = Readonly<{ host: string; port: number }>

/** Milliseconds, or null if `text` is no duration (`30s`, `5m`, `10ms`). */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text)
  return match === null ? null : Number(match[1]) * DURATION_UNITS[match[2] as keyof typeof DURATION_UNITS]
}

/** Bytes, or null if `text` is no size (`512B`, `64KiB`, `4MiB`). */
export function parseSize(text: string): number | null {
  const match = SIZE.exec(text)
  if (match === null) return null
  const bytes = Number(match[1]) * SIZE_UNITS[match[2] as keyof typeof SIZE_UNITS]
  return Number.isSafeInteger(bytes) ? bytes : null
}

/** Host (brackets of IPv6 removed) and port, or null. Port 0 lets the system choose. */
export function parseListen(text: string): ListenAddress | null {
  const match = LISTEN.exec(text)
  if (match?.[1] === undefined) return null
  const port = Number(match[2])
  if (port > 65_535) return null
  return { host: match[1].startsWith('[') ? match[1].slice(1, -1) : match[1], port }
}

/** Whether a host name or address is this machine itself. `0.0.0.0` and `::` are not: they are every address. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '')
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(name)
}

/** What a value that is almost a duration or a size was meant to be, or null. */
export function mendUnit(value: unknown, kind: 'duration' | 'size'): string | null {
  if (typeof value === 'number')
    return kind === 'duration' && Number.isInteger(value) && value >= 0 ? `${value}s` : null
  if (typeof value !== 'string') return null
  const match = /^\s*([0-9]+)\s*([A-Za-z]+)\s*$/.exec(value)
  if (match?.[1] === undefined || match[2] === undefined) return null
  const unit = match[2].toLowerCase()
  const known = kind === 'duration' ? DURATION_WORDS.get(unit) : SIZE_WORDS.get(unit)
  return known === undefined ? null : `${Number(match[1])}${known}`
}

const DURATION_WORDS = new Map(
  Object.entries({
    ms: 'ms',
    millis: 'ms',
    milliseconds: 'ms',
    s: 's',
    sec: 's',
    secs: 's',
    second: 's',
    seconds: 's',
    m: 'm',
    min: 'm',
    mins: 'm',
    minute: 'm',
    minutes: 'm',
    h: 'h',
    hr: 'h',
    hour: 'h',
    hours: 'h',
    d: 'd',
    day: 'd',
    days: 'd',
  }),
)
const SIZE_WORDS = new Map(
  Object.entries({
    b: 'B',
    bytes: 'B',
    k: 'KiB',
    kb: 'KiB',
    ki: 'KiB',
    kib: 'KiB',
    m: 'MiB',
    mb: 'MiB',
    mi: 'MiB',
    mib: 'MiB',
    g: 'GiB',
    gb: 'GiB',
    gi: 'GiB',
    gib: 'GiB',
  }),
)
