/** Whose span is a call's parent, as a client says. */
export type Parent = Readonly<{ traceId: string; spanId: string; traceFlags: number }>

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** `traceparent` (W3C Trace Context 3.2), or null for what is none: it is then as if it was not there (3.2.2.5). */
export function parentOf(traceparent: string | undefined): Parent | null {
  if (traceparent === undefined || traceparent.length > 512) return null
  const [, version, traceId, spanId, flags, more] = FORM.exec(traceparent) ?? []
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return null
  // Later versions may say more; this one may not, and ff is none.
  if (version === 'ff' || (version === '00' && more !== undefined)) return null
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1 }
}
