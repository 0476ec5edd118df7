export { BUILTINS } from './builtins/table.ts'
export { BUNDLE_LIMITS, type Bundle, type BundleLimits, readBundle } from './bundle.ts'
export { type CanaryOptions, judgeCanaries } from './canary.ts'
export { createDecider, DECISION_ENTRYPOINT, type DeciderOptions } from './decide.ts'
export {
  DEFAULT_FUEL,
  type EngineOptions,
  type EvaluateOptions,
  type Evaluation,
  loadEngine,
  type PolicyEngine,
} from './engine/index.ts'
