import type { Operation } from '../operation.ts'
import { addConnectionToGroup } from './add-connection-to-group.ts'
import { addConnectionsToGroups } from './add-connections-to-groups.ts'
import { addUserToGroup } from './add-user-to-group.ts'
import { checkPermission } from './check-permission.ts'
import { closeAllConnections } from './close-all-connections.ts'
import { closeConnection } from './close-connection.ts'
import { closeGroupConnections } from './close-group-connections.ts'
import { closeUserConnections } from './close-user-connections.ts'
import { connectionExists } from './connection-exists.ts'
import { generateClientToken } from './generate-client-token.ts'
import { getServiceStatus } from './get-service-status.ts'
import { grantPermission } from './grant-permission.ts'
import { groupExists } from './group-exists.ts'
import { listConnectionsInGroup } from './list-connections-in-group.ts'
import { removeConnectionFromAllGroups } from './remove-connection-from-all-groups.ts'
import { removeConnectionFromGroup } from './remove-connection-from-group.ts'
import { removeConnectionsFromGroups } from './remove-connections-from-groups.ts'
import { removeUserFromAllGroups } from './remove-user-from-all-groups.ts'
import { removeUserFromGroup } from './remove-user-from-group.ts'
import { revokePermission } from './revoke-permission.ts'
import { sendToAll } from './send-to-all.ts'
import { sendToConnection } from './send-to-connection.ts'
import { sendToGroup } from './send-to-group.ts'
import { sendToUser } from './send-to-user.ts'
import { userExists } from './user-exists.ts'

const all = [
  getServiceStatus,
  generateClientToken,
  closeAllConnections,
  sendToAll,
  addConnectionsToGroups,
  removeConnectionsFromGroups,
  connectionExists,
  closeConnection,
  sendToConnection,
  removeConnectionFromAllGroups,
  groupExists,
  closeGroupConnections,
  sendToGroup,
  listConnectionsInGroup,
  addConnectionToGroup,
  removeConnectionFromGroup,
  grantPermission,
  revokePermission,
  checkPermission,
  userExists,
  closeUserConnections,
  sendToUser,
  addUserToGroup,
  removeUserFromGroup,
  removeUserFromAllGroups,
]

/** Every REST operation, in the order of Azure's specification. */
export const operations: readonly Operation[] = all

/** The name of an operation in Azure's specification. @public */
export type OperationId = (typeof all)[number]['id']
