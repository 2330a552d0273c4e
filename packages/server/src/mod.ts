/** Hocket as a library: start a server in your own process, with your own logger. */
export { type Config, defaultConfig, developmentKey, type HubSettings } from './config/schema.ts'
export { type Logger, silentLogger } from './log.ts'
export { type RunningServer, type ServerOptions, startServer } from './server.ts'
