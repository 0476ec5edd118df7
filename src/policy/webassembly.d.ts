/**
 * The part of the WebAssembly JavaScript interface (W3C, Core JS API 5) that Customhouse uses. TypeScript declares it only together with
 * the browser's whole DOM, and @types/node does not declare it at all.
 */
declare namespace WebAssembly {
  type ExportValue = ((...args: never[]) => unknown) | Global | Memory | Table
  type ImportValue = ((...args: never[]) => unknown) | Global | Memory | Table
  type ModuleImports = Record<string, ImportValue>
  type Imports = Record<string, ModuleImports>
  type Exports = Readonly<Record<string, ExportValue>>
  type ModuleImportDescriptor = Readonly<{ module: string; name: string; kind: string }>
  type ModuleExportDescriptor = Readonly<{ name: string; kind: string }>

  class Module {
    constructor(bytes: Uint8Array | ArrayBuffer)
    static imports(module: Module): ModuleImportDescriptor[]
    static exports(module: Module): ModuleExportDescriptor[]
  }
  class Instance {
    constructor(module: Module, imports?: Imports)
    readonly exports: Exports
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number })
    readonly buffer: ArrayBuffer
    /** By so many pages of 64 KiB; a RangeError beyond the maximum. */
    grow(pages: number): number
  }
  class Table {
    readonly length: number
  }
  class Global {
    constructor(descriptor: { value: string; mutable?: boolean }, value?: number)
    value: number
  }
  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  function validate(bytes: Uint8Array | ArrayBuffer): boolean
  function compile(bytes: Uint8Array | ArrayBuffer): Promise<Module>
  function instantiate(module: Module, imports?: Imports): Promise<Instance>
}
