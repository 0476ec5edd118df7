/** What a plugin that was too slow has failed with. */
export class Late extends Error {
  constructor() {
    super('time is over')
    this.name = 'Late'
  }
}

/**
 * Waits for another's work no longer than `ms`. What is done at once costs no timer. What resolves after its time goes to `afterwards`,
 * which must not throw; what rejects after its time has been answered for already.
 *
 * @throws Late, or whatever the work threw in time
 */
export async function inTime<T>(work: () => T | Promise<T>, ms: number, afterwards?: (done: T) => void): Promise<T> {
  const begun = work()
  if (!pending(begun)) return begun
  const late = Promise.withResolvers<never>()
  let over = false
  const timer = setTimeout(() => {
    over = true
    late.reject(new Late())
  }, ms)
  const done = Promise.resolve(begun).then((value) => {
    if (over) afterwards?.(value)
    return value
  })
  try {
    return await Promise.race([done, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Plugins may bring a promise of their own make. */
function pending<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
