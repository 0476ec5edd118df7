import type { Role } from '../../core/call.ts'
import { vocabulary } from '../vocabulary.ts'

/**
 * Names of the dialect's own (types of the npm package `@anthropic-ai/sdk` 1.12 for POST /v1/messages, its answers and its events, betas
 * included, Amazon Bedrock's additions).
 */
export const isFreeName = vocabulary(
  `
  model messages role content type text system max_tokens stream metadata user_id stop_sequences temperature top_k top_p service_tier speed
  thinking budget_tokens display block_binding prefix_mismatch_behavior tools tool_choice disable_parallel_tool_use cache_control ttl
  output_config output_format effort format schema task_budget remaining total container skills skill_id version mcp_servers name url
  authorization_token tool_configuration allowed_tools enabled context_management edits trigger keep clear_at_least clear_tool_inputs exclude_tools
  instructions pause_after_compaction compaction thread previous_message_id diagnostics inference_geo fallback_credit_token token mode clear_at
  anthropic_version anthropic_beta
  id source data media_type file_id title context citations cited_text document_index document_title start_char_index end_char_index
  start_page_number end_page_number start_block_index end_block_index search_result_index encrypted_index signature encrypted_content encrypted_stdout
  input tool_use_id is_error caller tool_id tool_name tool_references server_name toolset_name tool tool_changes definition from to
  retrieved_at page_age stdout stderr return_code error_code error_message file_type num_lines start_line total_lines lines new_lines new_start
  old_lines old_start is_file_update tabs tab_id active state_changes download_id path size_bytes
  description input_schema input_examples strict defer_loading allowed_callers eager_input_streaming caching max_uses allowed_domains
  blocked_domains user_location city country region timezone max_content_tokens max_characters response_inclusion url_sources use_cache
  display_height_px display_width_px display_number enable_zoom mcp_server_name default_config configs transformations oversized_image
  max_side_length_pixels input_transformations
  index message delta content_block partial_json citation estimated_tokens stop_reason stop_sequence stop_details category explanation
  recommended_model fallback_has_prefill_claim usage input_tokens output_tokens cache_creation_input_tokens cache_read_input_tokens
  cache_creation ephemeral_1h_input_tokens ephemeral_5m_input_tokens output_tokens_details thinking_tokens server_tool_use web_search_requests
  web_fetch_requests iterations expires_at applied_edits cleared_input_tokens cleared_thinking_turns cleared_tool_uses original_input_tokens
  cache_miss_reason cache_missed_input_tokens error details request_id
  amazon-bedrock-invocationMetrics inputTokenCount outputTokenCount invocationLatency firstByteLatency cacheReadInputTokenCount
  cacheWriteInputTokenCount
  `,
  ['metadata', 'input', 'input_examples', 'configs'],
)

export const ROLES: ReadonlyMap<string, Role> = new Map([
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['system', 'system'],
])
