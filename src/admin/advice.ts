/** What to do when a server cannot be used. */
import type { TriedView } from './contract/servers.ts'
import type { FaultReason, Tried } from './ports.ts'

const advice: Readonly<Record<FaultReason, string>> = {
  'not-mcp':
    'Give the URL of an MCP endpoint (it often ends in /mcp or /sse). Converters for other interfaces come in a later version.',
  unreachable: 'Check host, port and network from this machine, and that the server runs.',
  'command-missing': 'Install the program, or give its full path as command.',
  exited: 'Run the command by hand to see what it says; it may lack an argument or a variable.',
  timeout: 'Check that the server is not overloaded; a first start may still be downloading it.',
  unauthorized:
    'Set a valid credential: credential.bearer, or a header, best as a reference to a variable or file.',
  reference: 'Set the variable for the gateway process, or mend the path of the file.',
  protocol: 'Pin its era (era: legacy or modern), and report it to the maker of the server.',
}

export function triedView(tried: Tried): TriedView {
  if (tried.ok) {
    const { ok, era, revision, tools, leftOut } = tried
    return { ok, era, revision, tools: [...tools], leftOut: [...leftOut] }
  }
  return { ...tried, wayOut: advice[tried.reason] }
}
