/** What the server shares with its sister packages. Not public: it changes without notice. */

export { signClientToken } from './auth/client-token.ts'
export { signHs256 } from './auth/hs256.ts'
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
export { flagOf } from './config/describe.ts'
export { type ConfigSources, type LoadedConfig, loadConfig } from './config/load.ts'
export { type Option, options, secretFile } from './config/options.ts'
export { type Config, developmentKey } from './config/schema.ts'
export type { Logger } from './log.ts'
export { createPinoLogger } from './ops/pino-logger.ts'
