/** The configuration: one file, one schema, strict. Everything else of Customhouse takes it from here. */
export type {
  CanaryConfig,
  Config,
  DeclaredResidency,
  LimitsConfig,
  ModelConfig,
  ProviderConfig,
  ProviderTimeouts,
} from './config/config.ts'
export { type Issue, type Path, type Place, pathText, placeText } from './config/issue.ts'
export { type LoadedConfig, type LoadOptions, loadConfig, type Origin } from './config/load.ts'
export { nearest } from './config/nearest.ts'
export { CONFIG_VARIABLE, type FlagName, type Flags, OVERRIDES, type Override } from './config/override.ts'
export { reference } from './config/reference.ts'
export { renderConfig, renderOrigins } from './config/render.ts'
export { jsonSchema } from './config/schema.ts'
export { type Environment, makeSecret, type Secret } from './config/secret.ts'
export { type ListenAddress, parseDuration, parseListen, parseSize } from './config/unit.ts'
export { contentDigest, type Watch, watchContent } from './config/watch.ts'
export { type Whereabouts, whereabouts } from './config/whereabouts.ts'
