/** The kinds of things that a server offers. Templates and skills are judged as resources. */
export type ItemKind = 'tool' | 'prompt' | 'resource' | 'template' | 'skill'

/** One definition as a server listed it. Immutable; content-addressed by `digest`. */
export interface Item {
  readonly kind: ItemKind
  readonly server: string
  /** The server's own name; for resources the URI, for templates the URI template. */
  readonly name: string
  /** The definition's exact JSON text. */
  readonly raw: string
  /** sha256 of `raw`, hex. */
  readonly digest: string
  /** Raw `inputSchema` of a tool; where a list shows less, the whole one. */
  readonly inputSchema: string | undefined
  /** The tool's `outputSchema` is not of an object: legacy callers get schema and result wrapped. */
  readonly wrapsOutput: boolean
  /** `x-mcp-header` annotations of a tool: header suffix and the path of properties it mirrors. */
  readonly headerParams: readonly HeaderParam[]
}

/**
 * How a definition ends, before a schema and a brace, whose arguments are judged by another schema than the one it
 * shows. It is ours, from API kinds to the catalog, and never listed.
 */
export const judgedMember = ',"x-sallyport-judged":'

export interface HeaderParam {
  readonly header: string
  readonly path: readonly string[]
}

/** What a public name resolved to. */
export interface Target {
  readonly kind: 'tool' | 'prompt' | 'resource'
  readonly server: string
  /** The name or URI to use at the server. */
  readonly name: string
  /** The definition, when the catalog holds one; a resource read through a template has the template's. */
  readonly item: Item | undefined
  /** The server's own id of a task that the tool made, when the call is about the task. */
  readonly task?: string
}

/** What a request to the server names: the task, or else the tool, prompt or resource. */
export function subjectOf(target: Target): string {
  return target.task ?? target.name
}
