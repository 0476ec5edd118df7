/** The library's public face: run the gateway inside a Node process, with plugins of your own. */
export { type ComposeOptions, type Customhouse, compose } from './compose.ts'
export { type Config, type LoadedConfig, loadConfig } from './config.ts'
export type * from './core/call.ts'
export type * from './core/decision.ts'
export { CustomhouseError, ERROR_CODES, type ErrorCode } from './core/errors.ts'
export type { Json } from './core/json.ts'
export type * from './core/plugin.ts'
