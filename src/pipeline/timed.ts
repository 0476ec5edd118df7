import type { CallWatch, Phase } from '../core/telemetry.ts'

/** Does a phase of our own work and tells how long it took, however it ends. */
export async function timed<T>(watch: CallWatch, phase: Phase, work: () => Promise<T>): Promise<T> {
  const began = performance.now()
  try {
    return await work()
  } finally {
    watch.spent(phase, performance.now() - began)
  }
}
