import type { HocketError } from '@hocket/protocol/errors'
import type { UpgradeEvents } from './gateway/upgrade.ts'
import { type Logger, printable } from './log.ts'
import type { Counters } from './ops/counters.ts'
import type { SessionCause, SessionEvents } from './session/events.ts'
import type { Session } from './session/session.ts'

/** Where every operational fact of the server meets its log line and its counter. What a client can cause at will is `debug`. */
export function createEvents(counters: Counters, logger: Logger): SessionEvents & UpgradeEvents {
  const about = ({ hub, connectionId }: Session) => ({ hub, connectionId })

  return {
    opened(session) {
      counters.hub(session.hub).connects.add(session.protocol ?? 'none')
      const { userId, protocol, permissions } = session
      logger.debug({ ...about(session), userId, subprotocol: protocol }, 'connection opened')
      const { skipped } = permissions
      if (skipped.length === 0) return
      const shown = skipped.slice(0, 20).map(({ role, reason }) => ({ role: printable(role), reason }))
      logger.debug({ ...about(session), skipped: shown }, 'roles skipped')
    },
    detached(session, end) {
      logger.debug({ ...about(session), code: end.code }, 'connection lost, waiting for recovery')
    },
    recovered(session, takeOver) {
      const hub = counters.hub(session.hub)
      if (takeOver) hub.takenOver++
      else hub.recovered++
      logger.debug({ ...about(session), takeOver }, 'connection recovered')
    },
    ended(session, cause, end) {
      const hub = counters.hub(session.hub)
      hub.disconnects.add(end === null ? 'none' : end.by === 'lost' && cause.kind === 'lost' ? 'lost' : end.code)
      if (isOverflow(cause)) {
        hub.overflowCloses++
        logger.info({ ...about(session), bytes: session.outboxBytes }, 'slow receiver closed')
      }
      logger.debug({ ...about(session), cause: describe(cause), code: end?.code ?? null }, 'connection ended')
    },
    command(session, type, bytes) {
      counters.bytesIn += bytes
      counters.hub(session.hub).messagesIn.add(type)
      logger.trace({ ...about(session), type, bytes }, 'command')
    },
    acked(session, outcome) {
      counters.hub(session.hub).acks.add(outcome)
    },
    blocked(session) {
      counters.hub(session.hub).blocked++
      logger.debug(about(session), 'connection takes no more for now')
    },
    failed(session, error) {
      logger.error({ ...about(session), err: error }, 'command failed unexpectedly')
    },
    refused(status, hub, error) {
      counters.handshakesRefused.add(status)
      logger.debug({ hub, status, code: error.code }, 'handshake refused')
    },
    recoveryRefused(hub, connectionId) {
      counters.hub(hub).recoveriesRefused++
      logger.debug({ hub, connectionId: printable(connectionId, 64) }, 'recovery refused')
    },
  }
}

function isOverflow(cause: SessionCause): boolean {
  return cause.kind === 'error' && (cause.error.code === 'slowReceiver' || cause.error.code === 'reliableBufferFull')
}

function describe(cause: SessionCause): string {
  switch (cause.kind) {
    case 'client':
      return 'closed by the client'
    case 'lost':
      return 'connection lost'
    case 'server':
      return 'closed through the REST API'
    case 'error':
      return (cause.error satisfies HocketError).code
    default:
      return cause satisfies never
  }
}
