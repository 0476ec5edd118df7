import type { Channel, Reference, Role } from '../../core/call.ts'

/**
 * What a value of the dialect looks like, as far as it decides how the value is inspected. Names and unions are those of the Smithy model of
 * bedrock-runtime. Without `members` and `items` it is a leaf: whatever stands there, all its strings are read.
 */
export type Shape = Readonly<{
  /** Of the strings in it; the one above it speaks where it is silent. `text` below `tool` is `tool`. */
  channel?: Channel
  role?: Role
  /** The provider has signed what is in it, if `signature` is there, or always. */
  signed?: 'always' | 'signature'
  /** Must be a string: anything else is content that nobody reads. */
  string?: true
  items?: Shape
  members?: Readonly<Record<string, Shape>>
  /** Exactly one of the members: any other is content that nobody reads. */
  union?: true
  reference?: Readonly<Pick<Reference, 'kind' | 'where'>>
  /** A tool's use, or its result: which member of it says which tool's it is. */
  called?: 'input' | 'content'
}>

const LEAF: Shape = {}
const DATA: Shape = { channel: 'data' }
const TEXT: Shape = { channel: 'text', string: true }
const TEXTS: Shape = { items: { union: true, members: { text: TEXT } } }

function media(kind: string, more: Readonly<Record<string, Shape>> = {}): Shape {
  return {
    union: true,
    members: {
      bytes: { channel: 'data', string: true, reference: { kind, where: 'inline' } },
      // An address that AWS fetches, with whatever rights the credential has.
      s3Location: { channel: 'data', reference: { kind, where: 'remote' } },
      ...more,
    },
  }
}

const IMAGE: Shape = { members: { format: DATA, source: media('image'), error: LEAF } }
const VIDEO: Shape = { members: { format: DATA, source: media('video') } }
const AUDIO: Shape = { members: { format: DATA, source: media('audio'), error: LEAF } }
const DOCUMENT: Shape = {
  members: {
    format: DATA,
    name: DATA,
    source: media('file', { text: TEXT, content: TEXTS }),
    context: TEXT,
    citations: DATA,
  },
}
const SEARCH_RESULT: Shape = { members: { source: DATA, title: TEXT, content: { items: { members: { text: TEXT } } } } }
const GUARD: Shape = {
  union: true,
  members: {
    text: { members: { text: TEXT, qualifiers: DATA } },
    image: { members: { format: DATA, source: media('image') } },
  },
}
const CITATIONS: Shape = {
  members: {
    content: TEXTS,
    citations: { items: { members: { title: TEXT, source: DATA, sourceContent: TEXTS, location: DATA } } },
  },
}
const TOOL_NAMED: Shape = {
  channel: 'tool',
  members: { tool: { members: { serverName: { reference: { kind: 'tool_server', where: 'remote' } } } } },
}

/** One block of a message. */
const BLOCK: Shape = {
  union: true,
  members: {
    text: TEXT,
    image: IMAGE,
    document: DOCUMENT,
    video: VIDEO,
    audio: AUDIO,
    toolUse: { channel: 'tool', called: 'input' },
    toolResult: {
      channel: 'tool',
      called: 'content',
      members: {
        content: {
          items: {
            union: true,
            members: {
              text: TEXT,
              json: LEAF,
              image: IMAGE,
              document: DOCUMENT,
              video: VIDEO,
              searchResult: SEARCH_RESULT,
            },
          },
        },
      },
    },
    guardContent: GUARD,
    cachePoint: DATA,
    reasoningContent: {
      channel: 'reasoning',
      union: true,
      members: {
        reasoningText: { signed: 'signature', members: { text: { string: true }, signature: { string: true } } },
        redactedContent: { signed: 'always', string: true },
      },
    },
    citationsContent: CITATIONS,
    searchResult: SEARCH_RESULT,
    toolAddition: TOOL_NAMED,
    toolRemoval: TOOL_NAMED,
  },
}

export const CONTENT: Shape = { channel: 'data', items: BLOCK }

const TOOLS: Shape = {
  items: {
    union: true,
    members: {
      toolSpec: { members: { inputSchema: { union: true, members: { json: LEAF } } } },
      // Runs at AWS, or where AWS sends it.
      systemTool: { reference: { kind: 'server_tool', where: 'remote' } },
      cachePoint: DATA,
    },
  },
}

/** Every member that a body of Converse may have but `messages`; any other is refused. */
export const MEMBERS: Readonly<Record<string, Shape>> = {
  system: {
    role: 'system',
    items: { union: true, members: { text: TEXT, guardContent: GUARD, cachePoint: DATA } },
  },
  inferenceConfig: DATA,
  toolConfig: {
    channel: 'tool',
    members: { tools: TOOLS, toolChoice: { union: true, members: { auto: LEAF, any: LEAF, tool: LEAF } } },
  },
  // Kept at AWS: it sees the text, and may send it to a model of its own.
  guardrailConfig: { channel: 'data', reference: { kind: 'guardrail', where: 'stored' } },
  additionalModelRequestFields: DATA,
  // They are put into a prompt that is kept at AWS.
  promptVariables: { role: 'user', channel: 'text', reference: { kind: 'prompt', where: 'stored' } },
  additionalModelResponseFieldPaths: DATA,
  requestMetadata: DATA,
  performanceConfig: DATA,
  serviceTier: DATA,
  outputConfig: {
    channel: 'tool',
    members: { textFormat: { members: { structure: { union: true, members: { jsonSchema: LEAF } } } } },
  },
}
/** Those of them that a count of tokens may have (ConverseTokensRequest). */
export const COUNTED: ReadonlySet<string> = new Set(['system', 'toolConfig', 'additionalModelRequestFields'])
