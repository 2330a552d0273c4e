/** What the server shares with its sister packages. Not public: it changes without notice. */
export { nodeOfRequest, PeerInterest, targetKey } from './backplane/addressing.ts'
export type {
  Answer,
  Backplane,
  BackplaneCommand,
  BackplaneHandlers,
  BackplaneQuery,
  BackplaneRequest,
  Member,
  Replies,
  ReplyTo,
} from './backplane/backplane.ts'
export { MemoryBackplane } from './backplane/memory.ts'
export { createNodeId, isNodeId, newConnectionId, nodeOf } from './backplane/node-id.ts'
export { handlerFailure, PendingAnswers } from './backplane/pending.ts'
export { cacheReplies } from './backplane/reply-cache.ts'
