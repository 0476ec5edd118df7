import { isWant } from '../config/watch.ts'
import { contentDigest, type LoadedConfig } from '../config.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import { policySourceDigest } from '../policy/source.ts'

/** Digests of everything that a version is made of, as it lies on disk. */
export type Content = Readonly<{
  /** The configuration file and the files that it names. */
  files: string
  /** Of a folder of policies what its revision would be; of a bundle its file's. */
  policy: string
}>

/** @throws what the system says where it has no more files or memory to give: then nothing is known */
export async function contentOf({ watch, config }: LoadedConfig): Promise<Content> {
  const { kind, path } = config.policy
  return {
    files: await contentDigest(watch),
    policy: kind === 'bundle' ? await contentDigest([path]) : await folderDigest(path),
  }
}

async function folderDigest(path: string): Promise<string> {
  try {
    return await policySourceDigest(path)
  } catch (error) {
    if (!isCustomhouseError(error, 'ERR_POLICY_COMPILE') || isWant(error.cause)) throw error
    return `- ${path}: ${error.message}`
  }
}

export function keyOf({ files, policy }: Content): string {
  return `${files} ${policy}`
}

/** How often is read anew what changed while it was read. */
const TRIES = 3

export type Whole<T> = Readonly<{ wanted: LoadedConfig; content: Content }> &
  Readonly<{ made: T; error: null } | { made: null; error: unknown }>

/**
 * Reads a configuration and makes something of it and its policy, from files that stood still meanwhile: their digests are taken before and after
 * what is read. `wanted` is the configuration that says which they are, until another one was read. A failure, too, is told of content that stood still.
 *
 * @param made what was made is of this content; what is not is given to `discard`
 * @throws ERR_CONFIG_UNREADABLE where they did not stand still
 */
export async function readWhole<T>(
  wanted: LoadedConfig,
  read: () => Promise<LoadedConfig>,
  make: Readonly<{
    make: (loaded: LoadedConfig) => Promise<T>
    isOf: (made: T, content: Content) => boolean
    discard: (made: T) => void
  }>,
): Promise<Whole<T>> {
  let watched = wanted
  let content = await contentOf(watched)
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      watched = await read()
      const after = await contentOf(watched)
      // Other paths give another digest, too.
      if (keyOf(after) === keyOf(content)) {
        const made = await make.make(watched)
        if (make.isOf(made, content)) return { wanted: watched, content, made, error: null }
        make.discard(made)
      }
    } catch (error) {
      const after = await contentOf(watched)
      if (keyOf(after) === keyOf(content)) return { wanted: watched, content, made: null, error }
    }
    content = await contentOf(watched)
  }
  throw new CustomhouseError(
    'ERR_CONFIG_UNREADABLE',
    'The configuration or its policies change while they are read: nothing is made of a part of them. Replace what is pushed in one rename.',
  )
}

/** The configuration that a gateway starts with, read whole once more where it can be, with the digest of its files. */
export async function readStill(
  given: LoadedConfig,
  read: () => Promise<LoadedConfig> = async () => given,
): Promise<Readonly<{ loaded: LoadedConfig; files: string }>> {
  const whole = await readWhole(given, read, {
    make: async (loaded) => loaded,
    isOf: () => true,
    discard: () => undefined,
  })
  if (whole.made === null) throw whole.error
  return { loaded: whole.made, files: whole.content.files }
}
