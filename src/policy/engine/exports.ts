import { CustomhouseError } from '../../core/errors.ts'

/** The exports of OPA's WebAssembly ABI 1.x that this host uses (docs/wasm: "Exports"). Addresses are i32; 0 is NULL. */
export type PolicyExports = Readonly<{
  eval(context: number): number
  builtins(): number
  entrypoints(): number
  opa_eval_ctx_new(): number
  opa_eval_ctx_set_input(context: number, value: number): void
  opa_eval_ctx_set_data(context: number, value: number): void
  opa_eval_ctx_set_entrypoint(context: number, entrypoint: number): void
  opa_eval_ctx_get_result(context: number): number
  opa_malloc(size: number): number
  opa_free(address: number): void
  opa_json_parse(address: number, length: number): number
  opa_json_dump(value: number): number
  opa_value_parse(address: number, length: number): number
  opa_value_dump(value: number): number
  opa_heap_ptr_get(): number
  opa_heap_ptr_set(address: number): void
}>

const FUNCTIONS = [
  'eval',
  'builtins',
  'entrypoints',
  'opa_eval_ctx_new',
  'opa_eval_ctx_set_input',
  'opa_eval_ctx_set_data',
  'opa_eval_ctx_set_entrypoint',
  'opa_eval_ctx_get_result',
  'opa_malloc',
  'opa_free',
  'opa_json_parse',
  'opa_json_dump',
  'opa_value_parse',
  'opa_value_dump',
  'opa_heap_ptr_get',
  'opa_heap_ptr_set',
] as const satisfies readonly (keyof PolicyExports)[]

function isPolicyExports(exports: object): exports is PolicyExports {
  const record = new Map(Object.entries(exports))
  return FUNCTIONS.every((name) => typeof record.get(name) === 'function')
}

/** Checks the version and the functions of the ABI. ERR_POLICY_BUNDLE for any but 1.x. */
export function policyExports(instance: WebAssembly.Instance): PolicyExports {
  const { exports } = instance
  const major = exports.opa_wasm_abi_version
  const minor = exports.opa_wasm_abi_minor_version
  if (!(major instanceof WebAssembly.Global && minor instanceof WebAssembly.Global) || major.value !== 1) {
    throw new CustomhouseError(
      'ERR_POLICY_BUNDLE',
      'policy.wasm is not of OPA WebAssembly ABI 1: build it with OPA 0.35 or newer.',
    )
  }
  if (!isPolicyExports(exports)) {
    const missing = FUNCTIONS.filter((name) => typeof exports[name] !== 'function')
    throw new CustomhouseError('ERR_POLICY_BUNDLE', `policy.wasm lacks functions of OPA's ABI: ${missing.join(', ')}.`)
  }
  return exports
}

export function mutableGlobal(instance: WebAssembly.Instance, name: string): WebAssembly.Global {
  const value = instance.exports[name]
  if (!(value instanceof WebAssembly.Global))
    throw new CustomhouseError('ERR_POLICY_BUNDLE', `policy.wasm lacks the global ${name}.`)
  return value
}
