import { CRYPTO } from './crypto.ts'
import { ENCODING } from './encoding.ts'
import { JWT } from './jwt.ts'
import { NET } from './net.ts'
import { NUMBERS } from './numbers.ts'
import { OBJECT } from './object.ts'
import type { Builtin } from './operand.ts'
import { PATCH } from './patch.ts'
import { REGEX } from './regex.ts'
import { SEMVER } from './semver.ts'
import { STRINGS } from './strings.ts'
import { TIME } from './time.ts'
import { UNITS } from './units.ts'
import { UUID } from './uuid.ts'

const AREAS = [CRYPTO, ENCODING, JWT, NET, NUMBERS, OBJECT, PATCH, REGEX, SEMVER, STRINGS, TIME, UNITS, UUID]

/**
 * The built-in functions that the gateway supplies to policy.wasm, by name; all others that it calls are compiled into it. A bundle that needs
 * another one is refused at load. `toolchain/builtins.txt` names the same, for the compiler.
 */
export const BUILTINS: ReadonlyMap<string, Builtin> = new Map(AREAS.flatMap((area) => Object.entries(area)))
