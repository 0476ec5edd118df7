import type { Channel, Role } from '../../core/call.ts'
import { vocabulary } from '../vocabulary.ts'

/**
 * Names of the dialect's own (OpenAPI description of POST /chat/completions, its answers, their chunks, the common additions of
 * compatible servers).
 */
export const isFreeName = vocabulary(
  `
  model messages role content name tool_calls tool_call_id function_call refusal audio id type text image_url url detail input_audio
  data format file file_data file_id filename function arguments custom input reasoning reasoning_content reasoning_details
  tools functions tool_choice allowed_tools mode description parameters strict grammar syntax definition response_format json_schema schema
  prediction stream stream_options include_usage include_obfuscation n max_tokens max_completion_tokens temperature top_p
  frequency_penalty presence_penalty logit_bias logprobs top_logprobs seed stop store metadata modalities voice user
  safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options service_tier parallel_tool_calls
  reasoning_effort verbosity web_search_options user_location search_context_size approximate city country region timezone
  moderation video_url audio_url cache_control
  object created system_fingerprint choices index message delta finish_reason native_finish_reason usage annotations url_citation
  start_index end_index title transcript expires_at token bytes obfuscation error code param status
  prompt_tokens completion_tokens total_tokens prompt_tokens_details completion_tokens_details cached_tokens audio_tokens
  reasoning_tokens accepted_prediction_tokens rejected_prediction_tokens
  prompt_filter_results prompt_index content_filter_results hate self_harm sexual violence jailbreak filtered detected severity
  document_url document_name reference reference_ids thinking closed signature tool_file tool_reference tool file_name file_type prefix
  random_seed safe_prompt prompt_mode guardrails num_cached_tokens prompt_audio_seconds p loc msg input ctx request_id statusCode details
  innererror content_filter_result protected_material_code protected_material_text custom_blocklists profanity indirect_attack
  `,
  ['metadata', 'logit_bias', 'chat_template_kwargs'],
)

export const ROLES: ReadonlyMap<string, Role> = new Map([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['tool', 'tool'],
  ['function', 'tool'],
])

const MESSAGE_CHANNELS: ReadonlyMap<string, Channel> = new Map([
  ['content', 'text'],
  ['refusal', 'text'],
  ['reasoning', 'reasoning'],
  ['reasoning_content', 'reasoning'],
  ['reasoning_details', 'reasoning'],
  ['thinking', 'reasoning'],
  ['thinking_blocks', 'reasoning'],
  ['tool_calls', 'tool'],
  ['function_call', 'tool'],
])

/** Channel of what stands in a message's (or a delta's) member of this name. */
export function messageChannel(name: string, role: Role): Channel {
  const channel = MESSAGE_CHANNELS.get(name) ?? 'data'
  return channel === 'text' && role === 'tool' ? 'tool' : channel
}
