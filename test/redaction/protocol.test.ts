import { describe, expect, test } from 'vitest'
import { isMedia, isProtocol } from '../../plugins/redaction/protocol.ts'
import type { Channel, Reference, Role } from '../../src/core/call.ts'

type Case = readonly [pointer: string, text: string, channel?: Channel, role?: Role]
const segment = ([pointer, text, channel = 'tool', role = 'none']: Case) => ({ pointer, text, channel, role })

describe('words of the protocol, in which no names are looked for', () => {
  const words: readonly Case[] = [
    ['/tools/0/function/name', 'get_user_country'],
    ['/tools/0/function/parameters/required/0', 'country'],
    ['/tools/0/input_schema/properties/n#', 'n'],
    ['/tools/0/input_schema/properties/size/enum/1', 'Large'],
    ['/toolConfig/tools/0/toolSpec/inputSchema/json/properties/city/type', 'string'],
    ['/response_format/json_schema/schema/required/0', 'country'],
    ['/output_config/effort', 'xhigh'],
    ['/messages/1/content/0/name', 'lookup_country', 'tool', 'assistant'],
    ['/messages/1/tool_calls/0/function/name', 'lookup', 'tool', 'assistant'],
    ['/messages/1/content/0/toolUse/name', 'lookup', 'tool', 'assistant'],
    ['/additionalModelRequestFields/thinking/display', 'summarized', 'data'],
  ]
  for (const one of words)
    test(`${one[0]}: ${one[1]}`, () => {
      expect(isProtocol(segment(one))).toBe(true)
    })

  const said: readonly Case[] = [
    ['/messages/0/content', 'Margaret', 'text', 'user'],
    ['/messages/0/name', 'Margaret', 'data', 'user'],
    ['/metadata/customer', 'Margaret', 'data'],
    ['/metadata/user_id', 'Margaret', 'data'],
    ['/messages/1/content/0/input/name', 'Margaret', 'tool', 'assistant'],
    ['/messages/1/content/0/toolUse/input/customer', 'Margaret', 'tool', 'assistant'],
    ['/tools/0/function/description', 'Margaret'],
    ['/tools/0/function/parameters/properties/who/enum/0', 'Margaret Thornbury'],
    ['/messages/2/content', 'Margaret', 'tool', 'tool'],
  ]
  for (const one of said)
    test(`not ${one[0]}: ${one[1]}`, () => {
      expect(isProtocol(segment(one))).toBe(false)
    })
})

describe('pictures and sounds in base64', () => {
  const inline: readonly Reference[] = [{ kind: 'image', where: 'inline', pointer: '/messages/0/content/1' }]
  const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').toString('base64')
  test.each([
    ['/messages/0/content/1/source/data', PNG, inline, true],
    ['/messages/0/content/1/image_url/url', `data:image/png;base64,${PNG}`, inline, true],
    ['/messages/0/content/2/source/data', PNG, inline, false],
    ['/messages/0/content/1/source/data', PNG, [], false],
    [
      '/messages/0/content/1/source/data',
      Buffer.from('Margaret Thornbury, born 1959').toString('base64'),
      inline,
      false,
    ],
    ['/messages/0/content/1/source/data', `${PNG} Margaret Thornbury, 4 May!`, inline, false],
  ] as const)('%s', (pointer, text, references, is) => {
    expect(isMedia({ pointer, text }, references)).toBe(is)
  })
})
