import type { Reference, Segment } from '../../src/core/call.ts'

/** One word, as names of tools, members and options are: no blank, nothing but letters, digits and the marks of such names. */
const WORD = /^[A-Za-z_$][\w$.:/-]{0,127}$/
/** Where a schema says what a tool takes, or an answer must be; and where a call declares what it may use. */
const DECLARED =
  /^\/(?:extra_body\/)?(?:tools|functions|toolConfig|tool_choice|function_call|response_format|output_config|output_format|outputConfig)\//
/** What of it is said to the model in words. */
const PROSE = /\/(?:description|default|example|examples\/[0-9]+)$/
/** The name of a tool, where one is used. */
const USED = /\/(?:tool_calls\/[0-9]+\/function|function_call|content\/[0-9]+(?:\/toolUse)?)\/name$/
/** Data that is said of somebody, and not for the protocol. */
const SAID =
  /(?:^|\/)(?:metadata|requestMetadata|user|user_id|safety_identifier|promptVariables|prompt_cache_key|input|arguments)(?:\/|$)/

/**
 * Whether a text is a word of the protocol: the name of a tool or of a member, a keyword of a schema, an option. `required: ["country"]` speaks of no
 * country, and the call would no longer be understood with another word there. Nobody's name is looked for in it; everything that has a form of its own is.
 */
export function isProtocol({
  pointer,
  role,
  channel,
  text,
}: Pick<Segment, 'pointer' | 'role' | 'channel' | 'text'>): boolean {
  if (!WORD.test(text)) return false
  if (pointer.endsWith('#')) return true
  if (USED.test(pointer)) return true
  if (DECLARED.test(pointer)) return !PROSE.test(pointer)
  if (/^\/messages\/[0-9]+\/name$/.test(pointer)) return role === 'tool'
  return channel === 'data' && !SAID.test(pointer)
}

const MEDIA: ReadonlySet<string> = new Set(['image', 'audio', 'video'])
/** How files of pictures, sounds and films begin: PNG, JPEG, GIF, RIFF (WebP, WAV), TIFF, Ogg, FLAC, ID3, MP3, Matroska, in base64. */
const BEGINS =
  /^(?:data:(?:image|audio|video)\/[^,]{1,100},)?(?:iVBORw0KGgo|\/9j\/|R0lGOD|UklGR|SUkqA|TU0AK|T2dnUw|ZkxhQ|SUQz|\/[+/][A-Za-z0-9]|GkXfo|[A-Za-z0-9+/]{5}Z0eXA)[A-Za-z0-9+/=\s]*$/

/** Whether a text is a picture, a sound or a film in base64: policies judge those by kind and place, and a word taken out of one would break it. */
export function isMedia(
  { pointer, text }: Pick<Segment, 'pointer' | 'text'>,
  references: readonly Reference[],
): boolean {
  return references.some(
    ({ kind, where, pointer: at }) =>
      where === 'inline' && MEDIA.has(kind) && (pointer === at || pointer.startsWith(`${at}/`)) && BEGINS.test(text),
  )
}
