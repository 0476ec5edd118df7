import { CustomhouseError } from '../core/errors.ts'

/** Addresses of proxies, '' for none, and the hosts that need none. They may hold credentials: not for logs. */
export type Proxies = Readonly<{ https: string; http: string; none: string }>

/**
 * What HTTPS_PROXY, HTTP_PROXY and NO_PROXY say (lower case wins, as in curl). Throws ERR_CONFIG_INVALID for what is no address of an HTTP
 * proxy; its text stays out of the message.
 */
export function proxiesOf(provider: string, env: Readonly<Record<string, string | undefined>>): Proxies {
  const read = (name: string) => (env[name.toLowerCase()] ?? env[name] ?? '').trim()
  const proxies = { https: read('HTTPS_PROXY'), http: read('HTTP_PROXY'), none: read('NO_PROXY') }
  for (const address of [proxies.https, proxies.http]) {
    const protocol = address === '' ? 'http:' : URL.parse(address)?.protocol
    if (protocol !== 'http:' && protocol !== 'https:') throw proxyFault(provider)
  }
  return proxies
}

export function proxyFault(provider: string): CustomhouseError {
  return new CustomhouseError(
    'ERR_CONFIG_INVALID',
    `HTTPS_PROXY and HTTP_PROXY, which provider ${provider} goes by, must be addresses such as http://proxy.example:3128.`,
  )
}
