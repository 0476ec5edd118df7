import { CustomhouseError } from '../core/errors.ts'
import { locked, sweep, writeDurably } from './durable.ts'
import { makePepper, type Peppers, readPeppers } from './pepper.ts'
import { parseStore, pepperOf, readStore, type Store, type StoredKey, storeText } from './store.ts'

export type Change<T> = (store: Store, peppers: Peppers) => Readonly<{ store: Store | null; result: T }>

/** Reads, changes and replaces the store as its only writer. `store: null` leaves it as it is. */
export function change<T>(file: string, work: Change<T>): Promise<T> {
  return locked(file, async () => {
    await sweep(file)
    const bytes = await readStore(file)
    const store: Store = bytes === null ? { keys: [] } : parseStore(file, bytes)
    const { store: next, result } = work(store, await peppersFor(file, store))
    if (next !== null) await writeDurably(file, storeText(next))
    return result
  })
}

export function find(store: Store, id: string): StoredKey {
  const key = store.keys.find((one) => one.id === id)
  if (key === undefined)
    throw new CustomhouseError('ERR_CLI_USAGE', `There is no key with the id ${JSON.stringify(id)}.`)
  return key
}

export function replaced(store: Store, key: StoredKey): Store {
  return { ...store, keys: store.keys.map((one) => (one.id === key.id ? key : one)) }
}

async function peppersFor(file: string, store: Store): Promise<Peppers> {
  const pepper = pepperOf(file)
  const found = await readPeppers(pepper)
  if (found !== null) return found
  // A new pepper beside old keys would hide that the old one is lost, and with it every key.
  if (store.keys.length > 0) {
    throw new CustomhouseError(
      'ERR_KEYS_STORE',
      `${pepper} is missing: restore it from a backup. Without it no gateway key can be proved.`,
    )
  }
  await makePepper(pepper)
  const made = await readPeppers(pepper)
  if (made === null) throw new CustomhouseError('ERR_KEYS_STORE', `${pepper} vanished while it was made.`)
  return made
}
