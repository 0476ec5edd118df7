import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isMap, parseDocument } from 'yaml'
import { CONFIG_VARIABLE, type Flags, OVERRIDES } from './override.ts'
import type { Environment } from './secret.ts'
import { type ListenAddress, parseListen } from './unit.ts'

/** Where a gateway that runs here keeps its state and should listen. */
export type Whereabouts = Readonly<{
  /** Absolute path. */
  state: string
  /** Null where what is written is no address. */
  admin: ListenAddress | null
  /** Why the file itself said nothing, or null. */
  unread: string | null
}>

/**
 * Reads the two settings that lead to a running gateway, and judges nothing else: a version of the file that the gateway has rejected must not
 * make the gateway look ill. Never throws; what cannot be read has its default.
 */
export async function whereabouts(path: string | undefined, env: Environment, flags: Flags): Promise<Whereabouts> {
  const file = resolve(path ?? env[CONFIG_VARIABLE] ?? 'customhouse.yaml')
  const { text, unread } = await readText(file)
  const written = (at: readonly string[], fallback: string): string => {
    const value = valueIn(text, at)
    return typeof value === 'string' && value !== '' ? value : fallback
  }
  const state = given(['state'], env, flags)
  const admin = given(['listen', 'admin'], env, flags)
  return {
    state: state === undefined ? resolve(dirname(file), written(['state'], './state')) : resolve(state),
    admin: parseListen(admin ?? written(['listen', 'admin'], '127.0.0.1:8451')),
    unread,
  }
}

async function readText(file: string): Promise<Readonly<{ text: string; unread: string | null }>> {
  try {
    return { text: await readFile(file, 'utf8'), unread: null }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return { text: '', unread: `${file} cannot be read (${code})` }
  }
}

function given(path: readonly string[], env: Environment, flags: Flags): string | undefined {
  const override = OVERRIDES.find((one) => one.path.join('.') === path.join('.'))
  if (override === undefined) return undefined
  return flags[override.flag] ?? (env[override.env] || undefined)
}

function valueIn(text: string, path: readonly string[]): unknown {
  try {
    const { contents } = parseDocument(text, {
      version: '1.2',
      schema: 'core',
      prettyErrors: false,
      logLevel: 'silent',
    })
    return isMap(contents) ? contents.getIn(path) : undefined
  } catch (error) {
    // Nested too deeply for the parser: as good as nothing written.
    if (error instanceof RangeError) return undefined
    throw error
  }
}
