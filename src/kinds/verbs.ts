/** What the name of an operation says that it does, and what a description says beyond a name; shared by all kinds. */

/** From the mildest to the most severe. */
export type Effect = 'reads' | 'adds' | 'changes' | 'destroys'
const severity: readonly Effect[] = ['reads', 'adds', 'changes', 'destroys']

const verbs: Readonly<Record<Effect, readonly string[]>> = {
  reads: [
    ...[
      'get',
      'list',
      'read',
      'fetch',
      'find',
      'search',
      'show',
      'retrieve',
      'query',
      'check',
      'is',
    ],
    ...['count', 'describe', 'lookup', 'view', 'download', 'export', 'validate', 'preview', 'has'],
  ],
  // Or does something that takes nothing away.
  adds: [
    ...[
      'create',
      'add',
      'insert',
      'new',
      'register',
      'submit',
      'send',
      'post',
      'invite',
      'comment',
    ],
    ...[
      'upload',
      'request',
      'subscribe',
      'follow',
      'star',
      'mark',
      'pin',
      'append',
      'import',
      'copy',
    ],
    ...['clone', 'duplicate', 'publish', 'start', 'enable', 'lock', 'log', 'sign'],
  ],
  changes: [
    ...['update', 'set', 'save', 'put', 'patch', 'write', 'stop', 'restart', 'edit', 'execute'],
    ...['trigger', 'move', 'rename', 'replace', 'upsert', 'modify', 'change', 'assign', 'close'],
    ...['archive', 'unlock', 'unpin', 'unmark', 'unfollow', 'unstar', 'unsubscribe'],
  ],
  destroys: [
    ...['delete', 'remove', 'destroy', 'purge', 'erase', 'wipe', 'drop', 'clear', 'revoke'],
    ...['cancel', 'terminate', 'kill', 'uninstall', 'unpublish', 'detach', 'disconnect', 'expunge'],
    ...['deactivate', 'disable', 'reset', 'void', 'trash', 'truncate', 'discard', 'reject', 'ban'],
  ],
}
const effects: ReadonlyMap<string, Effect> = new Map(
  severity.flatMap((effect) => verbs[effect].map((verb): [string, Effect] => [verb, effect])),
)

/** Verbs that are nouns just as often: they count where verbs stand, at the beginning and the end. */
const nouns: ReadonlySet<string> = new Set([
  ...['set', 'list', 'count', 'view', 'check', 'query', 'search', 'show', 'export', 'preview'],
  ...[
    'post',
    'comment',
    'request',
    'star',
    'mark',
    'pin',
    'copy',
    'clone',
    'import',
    'new',
    'start',
  ],
  ...[
    'stop',
    'patch',
    'put',
    'save',
    'trigger',
    'move',
    'change',
    'archive',
    'lock',
    'close',
    'log',
  ],
  ...['sign', 'drop', 'void', 'trash', 'ban', 'reset'],
])
/** Of those the two that lead a name as verbs only. */
const leading: ReadonlySet<string> = new Set(['set', 'list'])

/**
 * What an operation does by its name, in snake case: `get_data_set` reads, `policy_set_definitions_list` reads,
 * `commerce_create_note` adds, `data_set_create_or_update` changes. Undefined when the name has no verb that is known.
 */
export function effectOf(name: string): Effect | undefined {
  let most = -1
  for (const clause of name.split(/_(?:and|or|then)_/))
    most = Math.max(most, severityOf(clause.split('_')))
  return severity[most]
}

function severityOf(words: readonly string[]): number {
  const [first = ''] = words
  const lead = effects.get(first)
  // `post_` and `new_` begin nouns, too: a verb that follows them says more.
  if (lead !== undefined && (leading.has(first) || !nouns.has(first))) return severity.indexOf(lead)
  const others = words.flatMap((word, index) => {
    const effect = effects.get(word)
    const counts = index === 0 || index === words.length - 1 || !nouns.has(word)
    return effect !== undefined && counts ? [severity.indexOf(effect)] : []
  })
  return Math.max(-1, ...others)
}

/** What a verb does that is hardly ever a noun. */
export function plainVerb(word: string): Effect | undefined {
  return nouns.has(word) ? undefined : effects.get(word)
}

/** Whether a description says of an argument no more than its name does: `userId`, "The user ID." */
export function repeatsName(description: string, name: string): boolean {
  if (description.length > 2 * name.length + 20) return false
  return wordsOf(description).join('') === wordsOf(name).join('')
}

const articles: ReadonlySet<string> = new Set(['the', 'a', 'an', 'of'])

const wordsOf = (text: string): readonly string[] =>
  (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).filter((word) => !articles.has(word))
