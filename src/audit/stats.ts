/** How a log stands, for metrics. */
export type LedgerStats = Readonly<{
  /** Appends that are not durable yet. */
  queue: number
  /** Intents that nothing has closed yet. */
  open: number
  /** Durable records. */
  size: number
  /** Bytes that the log's volume has left; null before the first commit told. */
  free: number | null
  /** When the newest signed checkpoint became durable, Unix milliseconds, and how many records it covers. */
  checkpointAt: number | null
  checkpointSize: number
  epoch: number
}>
