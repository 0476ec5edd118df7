import { vocabulary } from '../vocabulary.ts'

/**
 * Names of the dialect's own (Smithy model of bedrock-runtime: Converse, ConverseStream, CountTokens; the fields of models that are let
 * through).
 */
export const isFreeName = vocabulary(
  `
  messages role content system inferenceConfig maxTokens temperature topP stopSequences toolConfig tools toolChoice guardrailConfig
  guardrailIdentifier guardrailVersion trace streamProcessingMode additionalModelRequestFields promptVariables
  additionalModelResponseFieldPaths requestMetadata performanceConfig latency serviceTier outputConfig textFormat effort structure
  jsonSchema schema name description input converse invokeModel body
  text image document video audio toolUse toolResult guardContent cachePoint reasoningContent citationsContent searchResult toolAddition
  toolRemoval format source bytes s3Location uri bucketOwner context citations enabled qualifiers reasoningText signature redactedContent
  toolUseId status type json ttl toolSpec systemTool inputSchema strict auto any tool serverName title location sourceContent
  documentChar documentChunk documentPage documentIndex start end web url domain searchResultLocation searchResultIndex error message
  thinking budget_tokens display reasoning_config reasoningConfig budgetTokens maxReasoningEffort reasoning summary reasoning_effort output_config
  anthropic_beta tool_choice disable_parallel_tool_use top_k topK top_p
  frequency_penalty presence_penalty seed
  output stopReason usage metrics latencyMs additionalModelResponseFields inputTokens outputTokens totalTokens cacheReadInputTokens
  cacheWriteInputTokens cacheReadInputTokenCount cacheWriteInputTokenCount cacheDetails serverToolUsage contentBlockIndex delta citation
  guardrail promptRouter invokedModelId modelOutput inputAssessment outputAssessments actionReason topicPolicy topics action detected
  contentPolicy filters confidence filterStrength wordPolicy customWords managedWordLists match sensitiveInformationPolicy piiEntities regexes
  regex contextualGroundingPolicy threshold score invocationMetrics guardrailProcessingLatency guardrailCoverage textCharacters images guarded
  total topicPolicyUnits contentPolicyUnits contentPolicyImageUnits wordPolicyUnits sensitiveInformationPolicyUnits
  sensitiveInformationPolicyFreeUnits contextualGroundingPolicyUnits automatedReasoningPolicyUnits automatedReasoningPolicies
  __type code originalStatusCode originalMessage
  `,
  ['requestMetadata', 'promptVariables', 'input', 'inputAssessment', 'outputAssessments'],
)
