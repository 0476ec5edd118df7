import type { TreeObject } from '../../core/json.ts'
import { asObject, unsupported } from '../request.ts'

/**
 * Members by which servers of this dialect let a call choose where its text goes, with whose key, or what answers it. The gateway judged the
 * target: whatever the members hold, it must not be moved behind its back. They stand at the top, in `extra_body`, or in vLLM's `vllm_xargs`.
 */
const ROUTING: ReadonlySet<string> = new Set(
  `models provider providers route routes transforms plugins preset fallbacks context_window_fallbacks content_policy_fallbacks model_list
  api_base base_url api_key api_version api_type custom_llm_provider deployment_id user_config litellm_params extra_headers headers
  litellm_metadata litellm_credential_name litellm_embedding_config tags organization region_name allowed_model_region deployment_url
  callbacks success_callback failure_callback
  kv_transfer_params ec_transfer_params routed_dp_rank disagg_prefill_dp_rank data_parallel_rank decode_tp_size routing_key
  lora_path lora_id lora_request adapter_id adapter_source api_token custom_logit_processor nvext
  providerOptions provider_options`.split(/\s+/),
)

/** The same by how they begin: settings of clouds (LiteLLM), the peer of a divided server (SGLang), TensorZero's own. */
const FAMILIES = /^(?:(?:aws|azure|vertex|watsonx|sagemaker|s3|bootstrap)_|tensorzero::)/

/** Recorders of LiteLLM's, which get the whole text: to what host and whose account. It looks for them in `metadata`, too. */
const RECORDERS =
  /^(?:langfuse|langsmith|humanloop|arize|phoenix|posthog|braintrust|lunary|slack_webhook|gcs|dd|wandb|weave)_(?:.*_)?(?:url|host|site|port|key|secret|bucket_name|path_service_account|project|project_id|project_name|space_id|tenant_id)$/

/** Text as numbers, which no inspector reads: in place of the messages (SGLang), or of a prompt. */
const UNREADABLE: ReadonlySet<string> = new Set(['input_ids', 'prompt_token_ids', 'prompt_embeds', 'input_embeds'])

const ELSEWHERE =
  "leave it out: it would choose where the call goes, which is for the gateway's routes and policies to say"

/** Throws ERR_CALL_UNSUPPORTED for a member that would move the call or its text, or carries text that cannot be read. */
export function refuseRouting(body: TreeObject): void {
  refuseIn(body, '')
  for (const name of ['extra_body', 'vllm_xargs']) {
    const more = body.get(name)
    if (more instanceof Map) refuseIn(more, `/${name}`)
  }
  const metadata = body.get('metadata') ?? null
  if (metadata === null) return
  for (const [name, member] of asObject(metadata, '/metadata')) {
    // A list of tags chooses among LiteLLM's deployments; OpenAI's metadata are texts.
    if (RECORDERS.test(name) || (name === 'tags' && Array.isArray(member))) {
      throw unsupported(`/metadata/${name}`, ELSEWHERE)
    }
  }
}

function refuseIn(members: TreeObject, pointer: string): void {
  for (const name of members.keys()) {
    if (ROUTING.has(name) || FAMILIES.test(name) || RECORDERS.test(name))
      throw unsupported(`${pointer}/${name}`, ELSEWHERE)
    if (UNREADABLE.has(name)) {
      throw unsupported(`${pointer}/${name}`, 'leave it out: it carries text in a form that nobody reads')
    }
  }
}
