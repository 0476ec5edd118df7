export { BUILTINS } from './builtins/table.ts'
export { BUNDLE_LIMITS, type Bundle, type BundleLimits, readBundle } from './bundle.ts'
export { type CanaryOptions, judgeCanaries } from './canary.ts'
export {
  createDecider,
  DECISION_ENTRYPOINT,
  type DeciderOptions,
  type GatewayDecider,
  type GatewayDeciderOptions,
  type PromptDecider,
} from './decide.ts'
export {
  DEFAULT_FUEL,
  type EngineOptions,
  type EvaluateOptions,
  type Evaluation,
  loadEngine,
  type PolicyEngine,
} from './engine/index.ts'
export { isUnfinished } from './engine/thread.ts'
export { type EvaluationLimits, evaluatorOf, MOST_ANSWER } from './evaluate.ts'
export { MOST_INPUT } from './input.ts'
export { MOST_OBLIGATIONS, MOST_REASONS } from './shape.ts'
export { MOST_WAITING } from './turns.ts'
