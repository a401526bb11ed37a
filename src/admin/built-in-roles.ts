/** Roles that are always there, as the administration shows them; the policy defines what they allow. */
export const builtInRoles: ReadonlyMap<
  string,
  { readonly description: string; readonly allow: readonly string[] }
> = new Map([
  ['owner', { description: 'May administer the gateway; allows no tool by itself', allow: [] }],
  ['all-tools', { description: 'May use everything that servers offer', allow: ['*/*'] }],
])
