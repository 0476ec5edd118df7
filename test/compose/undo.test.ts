import pino from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { Undo } from '../../src/compose/undo.ts'

/** Parts are stopped last first, whatever becomes of one of them. */

afterEach(() => vi.useRealTimers())

function laid() {
  const said: string[] = []
  const log = pino({}, { write: (line: string) => void said.push(JSON.parse(line).msg) })
  return { said, undo: new Undo(log), order: [] as string[] }
}

test('last first; one that fails keeps none from being stopped, and is told', async () => {
  const { said, undo, order } = laid()
  undo.add('first', () => void order.push('first'))
  undo.add('second', async () => {
    order.push('second')
    throw new Error('second')
  })
  undo.add('plugin', () => Promise.reject(new Error('plugin')), false)
  undo.add('third', () => void order.push('third'))
  await expect(undo.all()).rejects.toThrow('second')
  expect(order).toEqual(['third', 'second', 'first'])
  expect(said).toEqual(['plugin could not be stopped', 'second could not be stopped'])
  // What was stopped is not stopped again.
  await undo.all()
  expect(order).toHaveLength(3)
})

test('a part that never stops is left behind, the others are stopped', async () => {
  vi.useFakeTimers()
  const { said, undo, order } = laid()
  undo.add('first', () => void order.push('first'))
  undo.add('never', () => new Promise(() => undefined))
  const all = undo.all().catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(14_000)
  expect(order).toEqual([])
  await vi.advanceTimersByTimeAsync(2_000)
  expect(await all).toMatchObject({ code: 'ERR_GATEWAY_INTERNAL', message: 'never did not stop within 15000 ms.' })
  expect([order, said]).toEqual([['first'], ['never could not be stopped']])
})
