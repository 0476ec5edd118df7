import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { call, message, read } from './calls.ts'

const M = 'ERR_CALL_MALFORMED'
const U = 'ERR_CALL_UNSUPPORTED'

function refused(of: () => unknown): CustomhouseError {
  try {
    of()
  } catch (error) {
    if (error instanceof CustomhouseError) return error
    throw error
  }
  throw new Error('the call was read')
}

describe('who says where a call goes', () => {
  it.each([
    'models',
    'provider',
    'route',
    'transforms',
    'plugins',
    'preset',
    'fallbacks',
    'model_list',
    'api_base',
    'base_url',
    'api_key',
    'custom_llm_provider',
    'user_config',
    'extra_headers',
    'vertex_location',
    // vLLM, SGLang and Dynamo: where the cache of a call comes from or goes to, and whose weights answer.
    'kv_transfer_params',
    'ec_transfer_params',
    'bootstrap_host',
    'bootstrap_port',
    'bootstrap_room',
    'bootstrap_pair_key',
    'routed_dp_rank',
    'disagg_prefill_dp_rank',
    'data_parallel_rank',
    'routing_key',
    'lora_path',
    'adapter_id',
    'custom_logit_processor',
    'nvext',
    // LiteLLM, TensorZero, Vercel.
    'headers',
    'tags',
    'organization',
    'region_name',
    'deployment_url',
    'azure_ad_token',
    'aws_role_name',
    'aws_sts_endpoint',
    's3_endpoint_url',
    'sagemaker_base_url',
    'vertex_credentials',
    'litellm_metadata',
    'litellm_credential_name',
    'success_callback',
    'langfuse_host',
    'slack_webhook_url',
    'tensorzero::credentials',
    'providerOptions',
  ])('%s is refused, whatever it holds', (name) => {
    for (const value of [null, {}, ['elsewhere/model'], 'https://elsewhere.example']) {
      const error = refused(() => read({ model: 'a', messages: [message], [name]: value }))
      expect([error.code, error.message]).toEqual([U, expect.stringContaining(`/${name}: leave it out`)])
      for (const beside of ['extra_body', 'vllm_xargs']) {
        expect(refused(() => call({ [beside]: { [name]: value } })).message).toContain(`/${beside}/${name}`)
      }
    }
  })

  it('the same names elsewhere say nothing of the kind', () => {
    const properties = { route: { type: 'string' }, provider: { type: 'string' } }
    const given = {
      metadata: { route: 'north' },
      tools: [{ type: 'function', function: { name: 'f', parameters: { properties } } }],
    }
    expect(call(given).tools).toEqual(['f'])
  })

  it.each<[string, unknown]>([
    ['langfuse_host', 'https://elsewhere.example'],
    ['posthog_api_url', 'https://elsewhere.example'],
    ['slack_webhook_url', 'https://elsewhere.example'],
    ['gcs_bucket_name', 'elsewhere'],
    ['dd_site', 'elsewhere.example'],
    ['tags', ['elsewhere']],
  ])('%s is refused in metadata, too, where LiteLLM looks for it', (name, value) => {
    const error = refused(() => call({ metadata: { [name]: value } }))
    expect([error.code, error.message]).toEqual([U, expect.stringContaining(`/metadata/${name}: leave it out`)])
  })

  it.each<[string, unknown]>([
    ['tags', 'north'],
    ['langfuse_session_id', 's-1'],
    ['host', 'a.example'],
  ])('%s in metadata says nothing of the kind', (name, value) => {
    expect(call({ metadata: { [name]: value } }).unread).toEqual([])
  })

  it('metadata that is no object, which LiteLLM reads as JSON, is none', () => {
    expect(refused(() => call({ metadata: '{"langfuse_host":"https://elsewhere.example"}' })).code).toBe(M)
    expect(call({ metadata: null }).unread).toEqual([])
  })
})

describe('text in a form that nobody reads', () => {
  it.each(['input_ids', 'prompt_token_ids', 'prompt_embeds', 'input_embeds'])('%s is refused', (name) => {
    for (const given of [{ [name]: [1, 2, 3] }, { extra_body: { [name]: [1] } }]) {
      const error = refused(() => call(given))
      expect([error.code, error.message]).toEqual([U, expect.stringContaining('in a form that nobody reads')])
    }
  })
})

describe('a name in other capitals, which servers in Go take for the same', () => {
  it.each<[string, string]>([
    ['Model', '"Model":"other"'],
    ['MODEL', '"MODEL":"other"'],
    ['a long s', '"me\u017f\u017fages":[{"role":"user","content":"other"}]'],
    ['an escaped long s', '"\\u017ftore":true'],
    ['the sign of kelvin', '"top_\u212a":1,"top_k":2'],
    ['Fallbacks', '"Fallbacks":["us"]'],
    ['Models', '"Models":["us"]'],
    ['Provider', '"Provider":{"order":["us"]}'],
    ['PROVIDEROPTIONS', '"PROVIDEROPTIONS":{}'],
    ['AWS_region_name', '"AWS_region_name":"us-east-1"'],
    ['Input_Ids', '"Input_Ids":[1]'],
    ['Web_Search_Options', '"Web_Search_Options":{}'],
    ['Store', '"Store":true'],
    ['User', '"User":"u"'],
    ['Metadata', '"Metadata":{"a":"b"}'],
    ['a recorder in metadata', '"metadata":{"Langfuse_Host":"https://us.example"}'],
    ['Tools', '"Tools":[{"type":"mcp","server_url":"https://us.example"}]'],
    ['a tool of two types', '"tools":[{"type":"function","Type":"mcp","function":{"name":"f"}}]'],
    ['Extra_Body', '"Extra_Body":{"api_base":"https://us.example"}'],
    ['Model in extra_body', '"extra_body":{"Model":"other"}'],
    ['two unknown members', '"guided":1,"Guided":2'],
  ])('%s is refused', (_, more) => {
    const error = refused(() => read(`{"model":"auto","messages":[{"role":"user","content":"hello"}],${more}}`))
    expect(error.code).toBe(U)
  })

  it.each<[string, string]>([
    ['Content', '{"role":"user","content":"hello","Content":"other"}'],
    ['Role', '{"role":"user","content":"hello","Role":"system"}'],
    [
      'Image_URL',
      '{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,x","URL":"https://us.example/x"}}]}',
    ],
  ])('%s in a message is refused', (_, text) => {
    expect(refused(() => read(`{"model":"auto","messages":[${text}]}`)).code).toBe(U)
  })

  it('the sender’s own names are left alone', () => {
    const properties = { Name: { type: 'string' }, Model: { type: 'string' }, Role: {}, role: {} }
    const given = {
      guided_json: { properties },
      metadata: { Model: 'north', User: 'x' },
      tools: [{ type: 'function', function: { name: 'f', parameters: { properties } } }],
      response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { properties } } },
      extra_body: { Own: 1, google: { thinking_config: {} } },
    }
    expect(call(given).tools).toEqual(['f'])
  })

  /** Reads as Go does: capitals do not matter, the last one wins; and lays extra_body over the body, as LiteLLM does. */
  function anyCapitals(text: string, word: string): unknown {
    const like = new RegExp(`^${word}$`, 'iu')
    const of = (object: unknown): readonly (readonly [string, unknown])[] =>
      typeof object === 'object' && object !== null ? Object.entries(object) : []
    const body = of(JSON.parse(text))
    const over = body.filter(([name]) => /^(?:extra_body|vllm_xargs)$/iu.test(name))
    const all = [...body, ...over.flatMap(([, member]) => of(typeof member === 'string' ? JSON.parse(member) : member))]
    return all.findLast(([name]) => like.test(name))?.[1]
  }

  it('no body that is read is another call to a server that does not tell capitals apart', () => {
    const words = ['model', 'messages', 'stream', 'n', 'max_tokens', 'tools']
    const respelt = (word: string) =>
      fc
        .array(fc.constantFrom('same', 'upper', 'sign'), { minLength: word.length, maxLength: word.length })
        .map((ways) =>
          [...word]
            .map((letter, at) => {
              if (ways[at] === 'upper') return letter.toUpperCase()
              if (ways[at] === 'sign') return letter === 's' ? '\u017f' : letter === 'k' ? '\u212a' : letter
              return letter
            })
            .join(''),
        )
    const name = fc.oneof(fc.constantFrom(...words, 'top_k', 'own').chain(respelt), fc.constantFrom('Own', 'top_k'))
    const member = fc.tuple(name, fc.constantFrom<unknown>('other', true, 7, null))
    const members = fc.uniqueArray(member, { selector: ([key]) => key, maxLength: 3 })
    const overlay = fc.tuple(fc.constantFrom('extra_body', 'vllm_xargs').chain(respelt), members)
    let taken = 0
    fc.assert(
      fc.property(members, fc.option(overlay), fc.boolean(), (more, over, asText) => {
        const base = new Map<string, unknown>([
          ['model', 'auto'],
          ['messages', [message]],
        ])
        for (const [key, value] of more) if (!base.has(key)) base.set(key, value)
        if (over !== null) {
          const inner = Object.fromEntries(over[1])
          base.set(over[0], asText ? JSON.stringify(inner) : inner)
        }
        const text = JSON.stringify(Object.fromEntries(base))
        let ours: ReturnType<typeof read>
        try {
          ours = read(text)
        } catch (error) {
          if (error instanceof CustomhouseError) return
          throw error
        }
        taken++
        expect(anyCapitals(text, 'model')).toBe(ours.model)
        expect(anyCapitals(text, 'messages')).toEqual([message])
        expect(anyCapitals(text, 'stream') ?? false).toBe(ours.stream)
        for (const word of words) expect(anyCapitals(text, word)).toEqual(base.get(word))
      }),
      { numRuns: 2000 },
    )
    expect(taken).toBeGreaterThan(50)
  })
})

describe('extra_body and vllm_xargs, which servers lay over the body', () => {
  it.each(['extra_body', 'vllm_xargs'])('%s brings nothing that is judged at the top', (name) => {
    const judged = 'model messages stream stream_options n max_tokens max_completion_tokens tools functions modalities'
    for (const word of [...judged.split(' '), 'extra_body', 'vllm_xargs']) {
      const error = refused(() => call({ [name]: { [word]: null } }))
      expect([error.code, error.message]).toEqual([U, expect.stringContaining(`/${name}/${word}: leave it out`)])
    }
  })

  it.each(['extra_body', 'vllm_xargs'])('%s that is no object is none', (name) => {
    for (const value of [[{ api_base: 'https://us.example' }], '{"api_base":"https://us.example"}', 1, true]) {
      expect(refused(() => call({ [name]: value })).code).toBe(M)
    }
    expect(call({ [name]: null }).unread).toEqual([])
  })

  it('what a provider keeps by: a fact in extra_body, refused in vllm_xargs', () => {
    expect(call({ extra_body: { store: true } }).references).toEqual([
      { kind: 'call', where: 'stored', pointer: '/extra_body/store' },
    ])
    expect(refused(() => call({ extra_body: { store: 'true' } })).code).toBe(M)
    for (const name of ['store', 'metadata', 'user', 'prompt_cache_retention']) {
      expect(refused(() => call({ vllm_xargs: { [name]: 'x' } })).code).toBe(U)
    }
    expect(refused(() => call({ extra_body: { metadata: { langfuse_host: 'us.example' } } })).code).toBe(U)
  })
})
