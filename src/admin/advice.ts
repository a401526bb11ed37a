/** What to do when a server cannot be used. */
import type { TriedView } from './contract/servers.ts'
import type { FaultReason, Tried } from './ports.ts'

const advice: Readonly<Record<FaultReason, string>> = {
  'not-mcp':
    'Give the URL of an MCP endpoint (it often ends in /mcp or /sse), or of the description of an API: OpenAPI, GraphQL, WSDL, AsyncAPI.',
  unreachable: 'Check host, port and network from this machine, and that the server runs.',
  'command-missing': 'Install the program, or give its full path as command.',
  exited: 'Run the command by hand to see what it says; it may lack an argument or a variable.',
  timeout: 'Check that the server is not overloaded; a first start may still be downloading it.',
  unauthorized:
    'Set a valid credential: credential.bearer, or a header, best as a reference to a variable or file.',
  reference: 'Set the variable for the gateway process, or mend the path of the file.',
  description:
    'Mend the description, or leave operations out with operations.exclude; "sallyport convert" tries it without storing anything.',
  egress:
    'Allow it by name: egress.hosts or egress.networks of the server (--egress-host, --egress-network).',
  'not-yet': 'See the changelog for what this version can do.',
  source: 'Check the path. Say what it is with --kind, and where calls go with --base-url.',
  protocol: 'Pin its era (era: legacy or modern), and report it to the maker of the server.',
}

/** The way out for a reason. */
export function adviceFor(reason: FaultReason): string {
  return advice[reason]
}

export function triedView(tried: Tried): TriedView {
  if (tried.ok) {
    const { ok, era, revision, tools, leftOut, schemas, conversion } = tried
    return {
      ok,
      era,
      revision,
      tools: [...tools],
      leftOut: [...leftOut],
      schemas: schemas.map((schema) => ({ ...schema, skipped: [...schema.skipped] })),
      ...(conversion === undefined ? {} : { conversion }),
    }
  }
  const { ok, reason, message, place } = tried
  return {
    ok,
    reason,
    message: place === undefined || place === '' ? message : `${message} (${place})`,
    wayOut: advice[reason],
  }
}
