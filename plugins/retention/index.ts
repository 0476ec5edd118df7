import type { Assignment } from '../../src/core/call.ts'
import type { Json } from '../../src/core/json.ts'
import type { Discharged, Plugin, RequestOrder } from '../../src/core/plugin.ts'
import { getAt } from '../../src/core/pointer.ts'
import { kept, shortened } from './marks.ts'

/** Host names by name of provider: `api.openai.com`, without port. */
export type RetentionOptions = Readonly<{ hosts: ReadonlyMap<string, string> }>

/** What `retention.minimise` may ask for. Every member is optional, one must be there, and no other value is one. */
const WORDS: Readonly<Record<string, Json>> = { store: false, metadata: 'drop', user: 'drop', prompt_cache: 'short' }

/**
 * The obligation `retention.minimise`: the switches of a call by which its provider keeps less. What each of them comes to at which provider stands in
 * README.md, row by row.
 */
export function createRetention({ hosts }: RetentionOptions): Plugin {
  return {
    name: 'retention',
    discharge: {
      'retention.minimise': {
        stage: 'clamp',
        request: (order) => minimise(order, hosts.get(order.target.provider) ?? ''),
      },
    },
  }
}

function minimise(order: RequestOrder, host: string): Discharged {
  const { params } = order.obligation
  const names = Object.keys(params)
  if (names.length === 0 || names.some((name) => !Object.hasOwn(WORDS, name) || params[name] !== WORDS[name])) {
    return unmet(
      'retention.minimise takes store: false, metadata: "drop", user: "drop" and prompt_cache: "short", and needs one of them.',
    )
  }
  if (params.store === false) {
    const asked = kept(order.call)
    if (asked !== undefined) {
      return unmet(`The call asks at ${asked} for what the provider keeps, which store: false forbids; leave it out.`)
    }
  }
  return { met: true, assign: switches(order, host) }
}

const unmet = (message: string): Discharged => ({ met: false, code: 'unclampable', message })

/** Members of OpenAI's dialect, in a body and in the `extra_body` that some servers unpack. */
const OPENAI_ROOTS: readonly string[] = ['', '/extra_body']
/** A body of Anthropic's or of Converse's, and the same within a count of tokens. */
const CONVERSE_ROOTS: readonly string[] = ['', '/input/converse']
const ANTHROPIC_ROOTS: readonly string[] = ['', '/input/invokeModel/body']

function switches({ call, target, obligation }: RequestOrder, host: string): readonly Assignment[] {
  const { params } = obligation
  const made: Assignment[] = []
  const drop = (pointer: string): void => {
    if (getAt(call.body, pointer) !== undefined) made.push({ pointer, value: undefined })
  }
  if (call.dialect === 'openai.chat') {
    if (params.store === false) {
      // Set, not only left: at OpenAI an account may store by default. A server that does not know the member may refuse it, and does not store by it.
      const known = target.kind === 'azure' || (target.kind === 'openai' && isOpenai(host))
      if (known) made.push({ pointer: '/store', value: false })
      else drop('/store')
      drop('/extra_body/store')
    }
    for (const root of OPENAI_ROOTS) {
      if (params.metadata !== undefined) drop(`${root}/metadata`)
      // OpenAI named prompt_cache_key one of the two successors of `user`: clients put the same id there.
      if (params.user !== undefined)
        for (const name of ['user', 'safety_identifier', 'prompt_cache_key']) drop(`${root}/${name}`)
      if (params.prompt_cache === undefined) continue
      if (getAt(call.body, `${root}/prompt_cache_retention`) !== 'in_memory') drop(`${root}/prompt_cache_retention`)
      drop(`${root}/prompt_cache_options`)
    }
  } else {
    for (const root of CONVERSE_ROOTS) {
      if (params.metadata !== undefined || params.user !== undefined) drop(`${root}/requestMetadata`)
    }
    for (const root of ANTHROPIC_ROOTS) {
      if (params.metadata !== undefined) drop(`${root}/metadata`)
      else if (params.user !== undefined) drop(`${root}/metadata/user_id`)
    }
  }
  if (params.prompt_cache !== undefined) made.push(...shortened(call.body))
  return made
}

/** OpenAI's own hosts, `us.api.openai.com` and `mtls.api.openai.com` among them. */
function isOpenai(host: string): boolean {
  return host === 'api.openai.com' || host.endsWith('.api.openai.com')
}
