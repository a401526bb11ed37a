/** Keys of sessions at a server: the principal in front, where they are not shared, then what else keeps them apart. */

/** Of the gateway's own session. */
export const ownKey = 'system'

/** A caller chooses what it declares, and with each set of capabilities it gets a session of its own. */
export const sessionsPerPrincipalMax = 8

/** `owner`: undefined where all share. `told`: raw capabilities that the session is opened with. */
export function sessionKey(owner: string | undefined, identity: string, told: string): string {
  return `${owner ?? ''}\n${identity}\n${told}`
}

/** The principal whose session a key names; of a shared one and the gateway's own, nobody. */
export function ownerOf(key: string): string | undefined {
  const end = key.indexOf('\n')
  return end > 0 ? key.slice(0, end) : undefined
}

/** Whether a session's key is of a principal of whom `gone` says so. */
export function isOf(key: string, gone: (principalId: string) => boolean): boolean {
  const owner = ownerOf(key)
  return owner !== undefined && gone(owner)
}
