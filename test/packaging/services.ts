import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Spec } from './container.ts'

/** docker-compose.yml, read as an engine reads it. */

export type Service = Readonly<{
  image: string
  user: string
  entrypoint?: readonly string[]
  command?: readonly string[]
  environment?: Readonly<Record<string, string>>
  ports?: readonly string[]
  volumes?: readonly string[]
  tmpfs?: readonly string[]
  secrets?: readonly string[]
  profiles?: readonly string[]
  depends_on?: readonly string[] | Readonly<Record<string, Readonly<{ condition: string }>>>
  healthcheck?: Readonly<{ test: readonly string[] }>
  stop_grace_period?: string
}>

export type Composition = Readonly<{
  services: Readonly<Record<string, Service>>
  secrets: Readonly<Record<string, Readonly<{ file: string }>>>
}>

export const composition = (root: string): Composition =>
  parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true })

export function service(file: Composition, name: string): Service {
  const found = file.services[name]
  if (found === undefined) throw new Error(`docker-compose.yml has no ${name}`)
  return found
}

/** What the image itself says. */
export type Program = Readonly<{
  rootfs: string
  Entrypoint: readonly string[]
  Cmd: readonly string[]
  env: Spec['env']
}>

/** `root`: of the paths in the file. `volumes`: where named volumes are kept. `command`: in place of the service's own, as `docker compose run` has it. */
export function specOf(
  file: Composition,
  name: string,
  program: Program,
  root: string,
  volumes: string,
  command?: readonly string[],
): Spec {
  const { entrypoint, user, environment, volumes: mounts = [], tmpfs = [], secrets = [], ...one } = service(file, name)
  const inherited = entrypoint === undefined ? program.Cmd : []
  return {
    rootfs: program.rootfs,
    user,
    command: [...(entrypoint ?? program.Entrypoint), ...(command ?? one.command ?? inherited)],
    env: { ...program.env, ...environment },
    mounts: [
      ...mounts.map((mount) => {
        const [from = '', to = '', mode] = mount.split(':')
        return { from: join(from.startsWith('.') ? root : volumes, from), to, readOnly: mode === 'ro' }
      }),
      ...secrets.map((secret) => ({
        from: join(root, file.secrets[secret]?.file ?? ''),
        to: `/run/secrets/${secret}`,
        readOnly: true,
      })),
    ],
    tmpfs: tmpfs.map((entry) => {
      const [to = '', options = ''] = entry.split(':')
      return { to, options }
    }),
  }
}
