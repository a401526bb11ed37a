/** Who calls in the tests of this folder. */
import type { Principal } from '../model/principal.ts'

export const principal: Principal = {
  id: '7f',
  label: 'key:ci',
  kind: 'agent',
  name: 'ci',
  user: undefined,
  teams: [],
  environment: 'prod',
  roles: [],
  expiresAt: undefined,
}
