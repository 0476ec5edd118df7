/**
 * Names of the dialect's own (Smithy model of bedrock-runtime: Converse, ConverseStream, CountTokens; the fields of models that are let through, and
 * JSON Schema's keywords). A member of such a name says nothing that its sender could choose, so the name is no segment. Every other
 * name is: it could hold anything.
 */
const VOCABULARY: ReadonlySet<string> = new Set(
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
  properties patternProperties additionalProperties required items prefixItems enum const default examples anyOf oneOf allOf not
  $ref $defs $schema definitions pattern minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems
  maxItems uniqueItems minProperties maxProperties nullable deprecated
  `
    .trim()
    .split(/\s+/),
)

/** Objects whose member names are the sender's own, whatever they are. */
const FREE: ReadonlySet<string> = new Set([
  'requestMetadata',
  'promptVariables',
  'input',
  'inputAssessment',
  'outputAssessments',
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'default',
  'examples',
  'const',
])

/** Whether a member's name is the sender's own word and must be inspected. `parent` names the object that it stands in. */
export function isFreeName(name: string, parent: string): boolean {
  return FREE.has(parent) || !VOCABULARY.has(name)
}
