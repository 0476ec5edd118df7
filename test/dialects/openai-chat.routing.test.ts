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
