import { formatConnectionString } from '@hocket/protocol/connection-string'
import { Auth } from './auth/mod.ts'
import type { Backplane } from './backplane/backplane.ts'
import { MemoryBackplane } from './backplane/memory.ts'
import { createNodeId } from './backplane/node-id.ts'
import type { Config } from './config/schema.ts'
import { createEvents } from './events.ts'
import type { Engine } from './gateway/engine.ts'
import { createNodeEngine } from './gateway/engine-node.ts'
import { createGateway } from './gateway/gateway.ts'
import { Upgrades } from './gateway/upgrade.ts'
import { Hubs } from './hub/hub.ts'
import { OutboxMeter } from './hub/meter.ts'
import { type Logger, silentLogger } from './log.ts'
import { Counters } from './ops/counters.ts'
import { type ConnectionCount, createMetrics } from './ops/metrics.ts'
import { createMetricsAccess } from './ops/metrics-access.ts'
import { createRestApi } from './rest/api.ts'
import { Router } from './router/router.ts'
import { Writer } from './router/writer.ts'
import { Session, type SessionDeps } from './session/session.ts'
import { TimerWheel } from './timers.ts'

export interface ServerOptions {
  readonly config: Config
  /** Default: says nothing. */
  readonly logger?: Logger
  /** How nodes reach each other. Default: `MemoryBackplane`, one process alone. */
  readonly backplane?: Backplane
}

export interface RunningServer extends AsyncDisposable {
  readonly nodeId: string
  /** Where clients and servers reach it: the first public endpoint, or `http://localhost:8080` and the like. */
  readonly endpoint: string
  readonly port: number
  /** Addresses bound, such as `127.0.0.1` and `::1`. */
  readonly addresses: readonly string[]
  /** Holds the access key. */
  readonly connectionString: string
  /**
   * Drains: accepts nothing new, closes every connection with 1001 so that clients reconnect elsewhere, waits for them at
   * most `shutdownTimeoutMs`, then cuts. Safe to call twice.
   */
  close(): Promise<void>
}

/**
 * Starts a server.
 * @throws the system's error with its `code` when the address cannot be bound (`EADDRINUSE`, `EACCES`)
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, logger = silentLogger, backplane = new MemoryBackplane(createNodeId()) } = options
  const engine: Engine = createNodeEngine(config)
  const counters = new Counters()
  const meter = new OutboxMeter()
  const hubs = new Hubs()
  const wheel = new TimerWheel()
  const writer = new Writer(config)
  const { prepare } = engine
  const events = createEvents(counters, logger)
  let listeningOn: readonly string[] = []
  let closing: Promise<void> | null = null

  const auth = new Auth({ config, logger: logger.child({ area: 'auth' }), listening: () => listeningOn })
  const router = new Router({ hubs, backplane, writer, meter, prepare, limits: config, counters, logger })
  await router.start()
  const session: SessionDeps = {
    router,
    writer,
    wheel,
    meter,
    prepare,
    limits: config,
    events,
    counters,
    issueReconnectionToken: (hub, connectionId, ttlSeconds) =>
      auth.issueReconnectionToken({ hub, connectionId, ttlSeconds }),
  }
  const rest = createRestApi({
    router,
    auth,
    config,
    logger: logger.child({ area: 'rest' }),
    isHealthy: () => closing === null && router.isHealthy,
    onReply: (operation, status) => counters.restRequests.add(operation ?? 'unknown', status),
  })
  const upgrades = new Upgrades({ config, auth, hubs, router, session, events, isClosing: () => closing !== null })
  const metrics = createMetrics({
    counters,
    connections: () => countConnections(hubs),
    outboxes: () => ({
      bytes: meter.totalBytes,
      limitBytes: config.outboxTotalMaxBytes,
      frames: meter.entries,
      backlogFrames: meter.healthyUnwritten,
      blockedConnections: meter.blockedConnections,
      expired: meter.expired,
    }),
  })
  const gateway = createGateway({
    config,
    rest,
    upgrades,
    metrics,
    mayReadMetrics: createMetricsAccess(config.metricsHost),
    logger: logger.child({ area: 'gateway' }),
  })
  const listening = await engine.listen(gateway, config).catch(async (error: unknown) => {
    await backplane.close()
    throw error
  })
  listeningOn = originsOf(listening.addresses, listening.port)
  const endpoint = config.publicEndpoints[0]?.replace(/\/+$/, '') ?? listeningOn[0]!
  logger.info({ endpoint, addresses: listening.addresses, port: listening.port, nodeId: backplane.nodeId }, 'listening')

  async function drain(): Promise<void> {
    logger.info({}, 'draining')
    const closed = listening.close(config.shutdownTimeoutMs)
    for (const hub of hubs.all()) {
      for (const receiver of [...hub.connections.values()]) (receiver as Session).closeForShutdown()
    }
    await closed
    await backplane.drain()
    await backplane.close()
    wheel.stop()
    logger.info({}, 'closed')
  }

  const close = () => {
    closing ??= drain()
    return closing
  }
  return {
    nodeId: backplane.nodeId,
    endpoint,
    port: listening.port,
    addresses: listening.addresses,
    connectionString: formatConnectionString({ endpoint, accessKey: config.accessKey }),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function originsOf(addresses: readonly string[], port: number): string[] {
  const hosts = new Set<string>()
  for (const address of addresses) {
    if (address === '127.0.0.1' || address === '::1' || address === '0.0.0.0' || address === '::')
      hosts.add('localhost')
  }
  for (const address of addresses) hosts.add(address.includes(':') ? `[${address}]` : address)
  return [...hosts].map((host) => `http://${host}:${port}`)
}

function* countConnections(hubs: Hubs): Generator<ConnectionCount> {
  for (const hub of hubs.all()) {
    const counts = new Map<string, { open: number; detached: number }>()
    for (const receiver of hub.connections.values()) {
      const subprotocol = receiver.protocol ?? 'none'
      let count = counts.get(subprotocol)
      if (count === undefined) {
        count = { open: 0, detached: 0 }
        counts.set(subprotocol, count)
      }
      if (receiver instanceof Session && receiver.isDetached) count.detached++
      else count.open++
    }
    for (const [subprotocol, count] of counts) yield { hub: hub.name, subprotocol, ...count }
  }
}
