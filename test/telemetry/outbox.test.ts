import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { expect, test } from 'vitest'
import { Outbox, type OutboxOptions } from '../../src/telemetry/outbox.ts'

/** An exporter that takes every batch and never says what became of it: nothing but the outbox's own time-outs ends that. */

const NEVER = 2_000_000_000

function opened(options: Partial<OutboxOptions>) {
  const taken: number[] = []
  const told = { exported: 0, dropped: 0, failed: 0 }
  let late = 0
  const outbox = new Outbox(
    { export: (batch) => void taken.push(batch.length) },
    {
      queue: 100,
      batch: 2,
      delayMs: 1,
      exportMs: NEVER,
      late: () => {
        late += 1
      },
      report: (result, spans) => {
        told[result] += spans
      },
      ...options,
    },
  )
  const tracer = new BasicTracerProvider({ spanProcessors: [outbox] }).getTracer('test')
  const end = (spans: number): void => {
    for (let span = 0; span < spans; span++) tracer.startSpan('span').end()
  }
  return { outbox, taken, told, late: () => late, end }
}

test('a stop does not wait for an exporter that never calls back, and counts what it leaves', async () => {
  const { outbox, taken, told, end } = opened({})
  end(7)
  expect(taken).toEqual([2])
  await outbox.close(20)
  expect(told).toEqual({ exported: 0, dropped: 5, failed: 0 })
  end(1)
  expect([told.dropped, taken]).toEqual([6, [2]])
})

test('an export that is never called back has failed after its time, is let go, and the next one has its turn', async () => {
  const { outbox, taken, told, late, end } = opened({ exportMs: 20 })
  end(5)
  await expect.poll(() => told.failed, { timeout: 10_000 }).toBe(5)
  expect(taken).toEqual([2, 2, 1])
  expect(late()).toBe(3)
  expect(told).toEqual({ exported: 0, dropped: 0, failed: 5 })
  await outbox.close(NEVER)
})
