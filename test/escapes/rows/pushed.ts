import { expect } from 'vitest'
import type { Json } from '../../../src/core/json.ts'
import { ANTHROPIC, AZURE, CLASSIC, CONVERSE, type Door, OCI, OPENAI, VERTEX } from '../doors.ts'
import { denied, type Expected, kept, rows, type Way } from '../row.ts'

type Members = Record<string, Json>
const at = (...places: string[]): Json => ({ endpoint: places, processing: places, storage: places })

/** Changes a provider of the configuration. */
function changed(name: string, more: Members): (config: Members) => void {
  return (config) => {
    const providers = config.providers as Record<string, Members>
    providers[name] = { ...providers[name], ...more }
  }
}

const OWN: Readonly<Record<string, string>> = {
  'openai.chat': 'openai-eu',
  'anthropic.messages': 'claude-own',
  'bedrock.converse': 'fra',
  'openai.chat at Azure': 'azure-eu',
  'openai.chat at Vertex': 'vertex-eu',
  'openai.chat at OCI': 'oci-fra',
}
const ownOf = ({ title }: Door): string => OWN[title] ?? ''

/** It is pushed and kept back: what was in force stays, and the call goes where it went before. */
const keptBack =
  (more: Members, provider?: string) =>
  (door: Door): Way => ({
    expected: kept(),
    act: async (scene, row) => {
      expect(await scene.push(changed(provider ?? ownOf(door), more))).toBe('ERR_CONFIG_INVALID')
      return scene.ask(row)
    },
  })
/** It is taken as it stands, and the target's calls are denied. */
const taken =
  (more: Members, rule = 'residency/') =>
  (door: Door): Way => ({
    expected: denied(rule),
    act: async (scene, row) => {
      expect(await scene.push(changed(ownOf(door), more))).toBeNull()
      try {
        return await scene.ask(row)
      } finally {
        await scene.restore()
      }
    },
  })
const address = (base_url: string) => keptBack({ base_url })

/** What an operator, or who can write the operator's files, could put in the way of the catalogue. */
export const PUSHED = [
  ...rows('DNS name', [OPENAI], {
    'of America, under the entry of Europe': address('https://us.api.openai.com/v1'),
    'with a dot behind it': address('https://eu.api.openai.com./v1'),
    'before a user part': address('https://eu.api.openai.com@us.api.openai.com/v1'),
    'with a longer end': address('https://eu.api.openai.com.us.example/v1'),
    'with a prefix': address('https://x.eu.api.openai.com/v1'),
    'with a letter of Cyrillic': address('https://eu.\u0430pi.openai.com/v1'),
    'in punycode': address('https://eu.xn--pi-7lc.openai.com/v1'),
    'as a decimal address': address('https://2130706433/v1'),
    'as an address of IPv6': address('https://[::ffff:127.0.0.1]/v1'),
    'at another port': address('https://eu.api.openai.com:8443/v1'),
    'in clear text': address('http://eu.api.openai.com/v1'),
    'with a backslash': address('https://us.api.openai.com\\@eu.api.openai.com/v1'),
    'with a query': address('https://eu.api.openai.com/v1?host=us'),
    'with a fragment': address('https://us.api.openai.com/v1#eu.api.openai.com'),
    'that is escaped': address('https://us%2eapi.openai.com/v1'),
  }),
  ...rows('DNS name', [CONVERSE], {
    'of another region of Bedrock': address('https://bedrock-runtime.us-east-1.amazonaws.com'),
    'of the region, with a longer end': address('https://bedrock-runtime.eu-central-1.amazonaws.com.cn'),
    'of the control plane': address('https://bedrock.eu-central-1.amazonaws.com'),
  }),
  ...rows('declared narrower', [OPENAI], {
    'at the host of Europe': keptBack({ residency: at('DE'), project: 'EU_STORAGE_PROCESSING' }),
    'at the host without a region': keptBack({ residency: at('DE') }, 'openai-global'),
    'at the host of America': keptBack({ residency: at('DE') }, 'openai-us'),
    'at the host of America, at a port of its own': keptBack(
      { base_url: 'https://us.api.openai.com:8443/v1', residency: at('DE') },
      'openai-us',
    ),
    'at the host of America, in clear text': keptBack(
      { base_url: 'http://us.api.openai.com/v1', residency: at('DE'), allow_cleartext: true },
      'openai-us',
    ),
    'in one of two providers at one address': keptBack(
      { base_url: 'https://covered.bank.example/v1', residency: at('FR') },
      'kept-in-us',
    ),
  }),
  ...rows('declared narrower', [CONVERSE], {
    'at the region of America': keptBack({ residency: at('DE') }, 'nva'),
    'another region than the host has': keptBack({ region: 'us-east-1' }),
    'an entry of another region': keptBack({ residency: 'bedrock/us-east-1' }),
  }),
  ...rows('declared narrower', [ANTHROPIC], {
    "at Anthropic's own host": keptBack({ base_url: 'https://api.anthropic.com', residency: at('DE') }),
  }),
  ...rows('declared narrower', [VERTEX, OCI, AZURE], {
    'at the host of America': (door) => {
      const other: Readonly<Record<string, string>> = {
        'openai.chat at Vertex': 'vertex-us',
        'openai.chat at OCI': 'oci-ash',
        'openai.chat at Azure': 'azure-us',
      }
      return keptBack({ residency: at('DE') }, other[door.title] ?? '')(door)
    },
  }),
  ...rows('project', [OPENAI], {
    'of another region at the host of Europe': keptBack({ project: 'US_STORAGE_PROCESSING' }),
    'that stores in one country and works anywhere': keptBack({ project: 'GB_STORAGE' }),
    'that nobody knows': keptBack({ project: 'MOON_STORAGE' }),
    'without a region: storage is unknown': taken({ project: 'GLOBAL' }, 'base/unknown-residency'),
  }),
  ...rows('catalogue gap', [OPENAI, AZURE, VERTEX, OCI], {
    'an entry that does not exist': keptBack({ residency: 'own/moon' }),
    'an entry of another provider': keptBack({ residency: 'mistral/eu' }),
  }),
  ...rows('overlay', [OPENAI, CONVERSE, AZURE], {
    'a file that is not there': () => overlay('/nowhere/own.json'),
  }),
  ...rows('overlays that contradict', [AZURE, CLASSIC], {
    'the last one says America': () => contradicting('eastus', denied('residency/'), false),
    'the last one says Germany, which is where it is': () => contradicting('eastus', kept(), true),
    'the last one says Germany, of another type': () =>
      contradicting('germanywestcentral', denied('residency/'), false, 'GlobalStandard'),
  }),
  ...rows('declared wider', [ANTHROPIC, CONVERSE], { anywhere: taken({ residency: at('*') }) }),
]

function overlay(file: string): Way {
  return {
    expected: kept(),
    act: async (scene, row) => {
      const code = await scene.push((config) => {
        config.residency = { catalogue: [file] }
      })
      expect(code).toMatch(/^ERR_CONFIG_(INVALID|UNREADABLE)$/)
      return scene.ask(row)
    },
  }
}

/** Another overlay on top of the first one, or below it. */
function contradicting(location: string, expected: Expected, below: boolean, type = 'Standard'): Way {
  return {
    expected,
    act: async (scene, row) => {
      const resource = { location, deployments: { standard: type }, as_of: '2026-11-24', source: 'other' }
      const text = {
        version: 2,
        as_of: '2026-11-24',
        sources: { other: 'the table of escapes' },
        azure: { resources: { 'claims-eu': resource } },
      }
      const other = scene.put('other.json', JSON.stringify(text))
      const catalogue = below ? [other, scene.overlay] : [scene.overlay, other]
      const code = await scene.push((config) => {
        config.residency = { catalogue }
      })
      expect(code).toBeNull()
      try {
        return await scene.ask(row)
      } finally {
        await scene.restore()
      }
    },
  }
}
