/** What to do when a server cannot be used. */
import type { TriedView } from './contract/servers.ts'
import type { FaultReason, Tried } from './ports.ts'

const advice: Readonly<Record<FaultReason, string>> = {
  'not-mcp':
    'Give the URL of an MCP endpoint (it often ends in /mcp or /sse), or of the description of an API: OpenAPI, GraphQL, WSDL, AsyncAPI.',
  unreachable: 'Check host, port and network from this machine, and that the server runs.',
  'command-missing': 'Install the program, or give its full path as command.',
  exited: 'Run the command by hand to see what it says; it may lack an argument or a variable.',
  timeout: 'Check that the server is not overloaded, or give it longer with --timeout.',
  silent:
    'Run the command by hand: npx and uvx download first, and need the registry for it. Pass what they need on, e.g. --inherit HTTPS_PROXY NODE_EXTRA_CA_CERTS, and give a slow start longer with --timeout.',
  login:
    'Check user, password and database in the address; a special character in a password is written in its percent-encoded form.',
  role: 'Give the gateway an account of its own that may do no more than it needs; docs/guides/sql.md has the statements.',
  unauthorized:
    'Set a valid credential: --bearer or --header (credential.bearer or headers in a file), best as a reference to a variable or file.',
  reference: 'Set the variable for the gateway process, or mend the path of the file.',
  description:
    'Mend the description, or leave operations out with --exclude (operations.exclude in a file); "sallyport convert" tries it without storing anything.',
  egress:
    'Allow it by name: --egress-host or --egress-network (egress.hosts and egress.networks of the server in a file).',
  'not-yet': 'See the changelog for what this version can do.',
  source: 'Check the path. Say what it is with --kind, and where calls go with --base-url.',
  protocol:
    'Pin its era with --era legacy or modern (era in a file), and report it to the maker of the server.',
}

/** What the words of a system say more exactly than the reason; the first that fits. */
const told: readonly (readonly [RegExp, string])[] = [
  [
    /certificate|self[-_ ]?signed|UNABLE_TO_|CERT_|ERR_TLS/i,
    'The certificate is not trusted here. Name its authority under credential.tls.ca of the server; a process gets it by --env NODE_EXTRA_CA_CERTS=FILE.',
  ],
  [
    /there is no file|ENOENT/,
    'Check the path. A relative one starts in your folder on the command line, and beside the file in sallyport.yaml.',
  ],
  [/EACCES|EPERM/, 'Let the account of the gateway read it.'],
  [/ENOTFOUND|EAI_AGAIN/, 'The name is not known here: check how it is written, and DNS.'],
  [/ECONNREFUSED/, 'Nothing listens there: start the server, or check the port.'],
]

/** The way out for a reason and what was said with it. */
export function adviceFor(reason: FaultReason, message: string): string {
  const exact = told.find(([words]) => words.test(message))?.[1]
  return reason === 'command-missing' ? advice[reason] : (exact ?? advice[reason])
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
    wayOut: adviceFor(reason, message),
  }
}
