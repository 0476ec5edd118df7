import type { JsonTree, TreeObject } from '../../core/json.ts'
import { asArray, asName, asObject, unsupported } from '../request.ts'

/** A tool that a call declares. */
export type Tool = Readonly<{ name: string; pointer: string; server: boolean }>

/** Tools that Anthropic defines and the client runs; every other type but `custom` is run by the provider. */
const CLIENT_RUN = /^(?:bash|text_editor|computer|computer_toolset|browser_toolset|memory)_[0-9]{8}$/

/** The tools of the list at the top, and those that a message adds (`tool_addition` with a definition), in document order. */
export function declaredTools(body: TreeObject): readonly Tool[] {
  const tools: Tool[] = []
  for (const [member, node] of body) {
    if (member === 'tools' && node !== null) {
      asArray(node, '/tools').forEach((item, index) => {
        tools.push(readTool(item, `/tools/${index}`))
      })
    } else if (member === 'messages') added(tools, node)
  }
  return tools
}

function added(tools: Tool[], messages: JsonTree): void {
  each(messages, '/messages', (message, at) => {
    each(message instanceof Map ? message.get('content') : null, `${at}/content`, (block, pointer) => {
      if (!(block instanceof Map)) return
      if (block.get('type') === 'tool_addition') addition(tools, block, pointer)
      const changes = block.get('tool_changes')
      each(changes, `${pointer}/tool_changes`, (change, below) => {
        if (change instanceof Map) addition(tools, change, below)
      })
    })
  })
}

function addition(tools: Tool[], block: TreeObject, pointer: string): void {
  const tool = block.get('tool')
  const definition = tool instanceof Map ? tool.get('definition') : undefined
  if (definition !== undefined) tools.push(readTool(definition, `${pointer}/tool/definition`))
}

function each(node: JsonTree | undefined, pointer: string, visit: (item: JsonTree, pointer: string) => void): void {
  if (Array.isArray(node)) for (const [index, item] of node.entries()) visit(item, `${pointer}/${index}`)
}

function readTool(node: JsonTree, pointer: string): Tool {
  const tool = asObject(node, pointer)
  const type = tool.get('type') ?? 'custom'
  if (type === 'custom') return { name: asName(tool.get('name'), `${pointer}/name`), pointer, server: false }
  const kind = asName(type, `${pointer}/type`)
  if (tool.has('model')) {
    throw unsupported(
      `${pointer}/model`,
      "leave this tool out: it asks another model, and which ones are asked is for the gateway's routes and policies to say",
    )
  }
  const name = tool.get('name')
  return {
    name: name === undefined ? kind : asName(name, `${pointer}/name`),
    pointer,
    server: !CLIENT_RUN.test(kind),
  }
}
