import type { TreeObject } from '../../core/json.ts'
import { asFlag, asObject, shown, unsupported } from '../request.ts'
import { isReferenceName } from './references.ts'
import { foldOf, refuseSpellings, refuseSpellingsOf } from './spelling.ts'
import { isFreeName } from './vocabulary.ts'

/**
 * Members by which servers of this dialect let a call choose where its text goes, with whose key, or what answers it. The gateway judged the
 * target: whatever the members hold, it must not be moved behind its back. They stand at the top, in `extra_body`, or in vLLM's `vllm_xargs`, in any
 * capitals.
 */
const ROUTING: ReadonlySet<string> = new Set(
  `models provider providers route routes transforms plugins preset fallbacks context_window_fallbacks content_policy_fallbacks model_list
  api_base base_url api_key api_version api_type custom_llm_provider deployment_id user_config litellm_params extra_headers headers
  litellm_metadata litellm_credential_name litellm_embedding_config tags organization region_name allowed_model_region deployment_url
  callbacks success_callback failure_callback
  kv_transfer_params ec_transfer_params routed_dp_rank disagg_prefill_dp_rank data_parallel_rank decode_tp_size routing_key
  lora_path lora_id lora_request adapter_id adapter_source api_token custom_logit_processor nvext
  providerOptions provider_options`
    .split(/\s+/)
    .map(foldOf),
)

/** The same by how they begin: settings of clouds (LiteLLM), the peer of a divided server (SGLang), TensorZero's own. */
const FAMILIES = /^(?:(?:aws|azure|vertex|watsonx|sagemaker|s3|bootstrap)_|tensorzero::)/

/** Recorders of LiteLLM's, which get the whole text: to what host and whose account. It looks for them in `metadata`, too. */
const RECORDERS =
  /^(?:langfuse|langsmith|humanloop|arize|phoenix|posthog|braintrust|lunary|slack_webhook|gcs|dd|wandb|weave)_(?:.*_)?(?:url|host|site|port|key|secret|bucket_name|path_service_account|project|project_id|project_name|space_id|tenant_id)$/

/** Text as numbers, which no inspector reads: in place of the messages (SGLang), or of a prompt. */
const UNREADABLE: ReadonlySet<string> = new Set(['input_ids', 'prompt_token_ids', 'prompt_embeds', 'input_embeds'])

/**
 * Members that the gateway reads at the top and judges by. LiteLLM lays `extra_body` over the body, as OpenAI's SDKs do: there they would be others than
 * those that were judged.
 */
const JUDGED: ReadonlySet<string> = new Set(
  `model messages stream stream_options n max_tokens max_completion_tokens tools functions modalities extra_body vllm_xargs`.split(
    ' ',
  ),
)

/** What a provider keeps by. In `extra_body` retention minimises it as at the top; nobody does in `vllm_xargs`, where it has no meaning. */
const KEPT: ReadonlySet<string> = new Set(
  'store metadata user safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options'.split(' '),
)

const ELSEWHERE =
  "leave it out: it would choose where the call goes, which is for the gateway's routes and policies to say"
const OVERLAID = 'leave it out: it would take the place of what was judged; give it at the top of the body'

/** Throws ERR_CALL_UNSUPPORTED for a member that would move the call or its text, or carries text that cannot be read. */
export function refuseRouting(body: TreeObject): void {
  refuseIn(body, '')
  refuseSpellings(body, isWord)
  const extra = overlay(body, 'extra_body')
  if (extra !== null) {
    asFlag(extra.get('store'), '/extra_body/store')
    refuseRecorders(extra, '/extra_body')
  }
  const xargs = overlay(body, 'vllm_xargs')
  for (const name of xargs?.keys() ?? []) {
    if (KEPT.has(name)) throw unsupported(`/vllm_xargs/${name}`, OVERLAID)
  }
  refuseRecorders(body, '')
}

/** An object that servers lay over the body, or read beside it. One in a list, or as JSON in a string, some of them unpack and we do not. */
function overlay(body: TreeObject, name: string): TreeObject | null {
  const pointer = `/${name}`
  const given = body.get(name) ?? null
  if (given === null) return null
  const members = asObject(given, pointer)
  refuseIn(members, pointer)
  refuseSpellingsOf(members, pointer, isWord)
  for (const member of members.keys()) if (JUDGED.has(member)) throw unsupported(`${pointer}/${member}`, OVERLAID)
  return members
}

function refuseRecorders(members: TreeObject, pointer: string): void {
  const metadata = members.get('metadata') ?? null
  if (metadata === null) return
  for (const [name, member] of asObject(metadata, `${pointer}/metadata`)) {
    // A list of tags chooses among LiteLLM's deployments; OpenAI's metadata are texts.
    const fold = foldOf(name)
    if (RECORDERS.test(fold) || (fold === 'tags' && Array.isArray(member))) {
      throw unsupported(`${pointer}/metadata/${shown(name)}`, ELSEWHERE)
    }
  }
}

function refuseIn(members: TreeObject, pointer: string): void {
  for (const name of members.keys()) {
    const fold = foldOf(name)
    if (ROUTING.has(fold) || FAMILIES.test(fold) || RECORDERS.test(fold)) {
      throw unsupported(at(pointer, name, fold), ELSEWHERE)
    }
    if (UNREADABLE.has(fold)) {
      throw unsupported(at(pointer, name, fold), 'leave it out: it carries text in a form that nobody reads')
    }
  }
}

/** Where a member stands, for a message that is logged: a spelling of the sender's own that could be prose is not shown. */
function at(pointer: string, name: string, fold: string): string {
  return `${pointer}/${fold === name ? name : shown(name)}`
}

/** Whether a name means something to us: the dialect's own, a reference's, or one of those above. */
function isWord(fold: string): boolean {
  return !isFreeName(fold, '') || isReferenceName(fold) || JUDGED.has(fold) || KEPT.has(fold)
}
