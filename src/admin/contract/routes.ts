/** All operations, in the order of the OpenAPI description. */
import { grantAccess, listAccess, removeAccess } from './access.ts'
import { readAudit, verifyAudit } from './audit.ts'
import { getConfig, rotateSecrets } from './config.ts'
import { convertServer, detectSource } from './convert.ts'
import { explain } from './explain.ts'
import { createKey, listKeys, revokeKey } from './keys.ts'
import { addLimit, listLimits, removeLimit } from './limits.ts'
import { listRoles, removeRole, setRole } from './roles.ts'
import type { Route } from './route.ts'
import { addServer, callTool, diagnose, listServers, listTools, removeServer } from './servers.ts'
import { getStatus } from './status.ts'
import { listToolsets, removeToolset, setToolset } from './toolsets.ts'

export const routes: readonly Route[] = [
  getStatus,
  getConfig,
  listServers,
  addServer,
  removeServer,
  detectSource,
  convertServer,
  listTools,
  callTool,
  diagnose,
  listKeys,
  createKey,
  revokeKey,
  listRoles,
  setRole,
  removeRole,
  listAccess,
  grantAccess,
  removeAccess,
  listLimits,
  addLimit,
  removeLimit,
  listToolsets,
  setToolset,
  removeToolset,
  explain,
  readAudit,
  verifyAudit,
  rotateSecrets,
]
