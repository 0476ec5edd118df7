import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CustomhouseError } from '../core/errors.ts'

/** The folder of package.json: above src/cli in a checkout, above dist/src/cli in the package. */
export function packageRoot(): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder)
    if (above === folder)
      throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'The package.json of customhouse was not found.')
    folder = above
  }
  return folder
}
