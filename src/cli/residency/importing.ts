import { readFileSync } from 'node:fs'
import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Document, type ImportedOverlay, mergeOverlay } from '../../../plugins/residency/import/index.ts'
import type { Json } from '../../core/json.ts'
import { parseTree } from '../../core/parse.ts'
import { treeToJson } from '../../core/tree.ts'

/** A listing of some thousands of profiles has some hundred thousand values. */
const VALUES = 2_000_000

/** One file that a provider's command line has printed; `-` is what comes on stdin. Throws ERR_CONFIG_INVALID for what is no JSON, with line and column. */
export async function readDocument(file: string): Promise<Document> {
  const bytes = file === '-' ? readFileSync(0) : await readFile(file)
  const what = file === '-' ? 'stdin' : file
  return { file: what, content: treeToJson(parseTree(bytes, { code: 'ERR_CONFIG_INVALID', what, values: VALUES })) }
}

/**
 * Prints the overlay, or lays it into `into`, which is made where it is missing. `require` throws for what the gateway would not take: then nothing is written.
 */
export async function deliver(
  imported: ImportedOverlay,
  into: string | undefined,
  require: (content: Json, file: string) => void,
): Promise<void> {
  if (into === undefined) {
    require(asJson(imported), 'what was imported')
    process.stdout.write(textOf(asJson(imported)))
    return
  }
  const file = resolve(into)
  const mode = await modeOf(file)
  const whole = mode === null ? asJson(imported) : mergeOverlay(await readDocument(file), imported)
  require(whole, into)
  await replace(file, textOf(whole), mode ?? 0o644)
}

function asJson(imported: ImportedOverlay): Json {
  const { bedrock, azure, ...rest } = imported
  return { ...rest, ...(bedrock === undefined ? {} : { bedrock }), ...(azure === undefined ? {} : { azure }) }
}

const textOf = (content: Json): string => `${JSON.stringify(content, null, 2)}\n`

async function modeOf(file: string): Promise<number | null> {
  try {
    return (await stat(file)).mode & 0o777
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** A gateway that watches the file reads the old one or the new one. */
async function replace(file: string, text: string, mode: number): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    const handle = await open(temporary, 'wx', mode)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  const folder = await open(dirname(file), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
