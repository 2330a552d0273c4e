import type { AckError } from '@hocket/protocol/codec'
import type { Command } from '@hocket/protocol/commands'
import { errors, HocketError } from '@hocket/protocol/errors'
import type { Router } from '../router/router.ts'
import type { SessionEvents } from './events.ts'
import type { Session } from './session.ts'

/** Commands that run in order, one at a time; `ping` and `sequenceAck` act on receipt and never come here. */
type OrderedCommand = Exclude<Command, { type: 'ping' | 'sequenceAck' }>

/**
 * Does what a client asked for and answers it.
 * @returns a promise, which never rejects, while the next command of the session has to wait
 */
export function runCommand(
  session: Session,
  router: Router,
  events: SessionEvents,
  command: OrderedCommand | Command,
): Promise<void> | undefined {
  if (command.type === 'ping' || command.type === 'sequenceAck') return undefined
  const { ackId } = command
  if (ackId !== null && session.acks.has(ackId)) {
    // Azure: an ack with "Duplicate" counts as success; nothing is executed, whatever the request.
    const { message } = errors.duplicateAckId({ ackId })
    answer(session, ackId, { name: 'Duplicate', message })
    events.acked(session, 'duplicate')
    return undefined
  }
  try {
    const wait = execute(session, router, command)
    if (wait === undefined) {
      succeed(session, events, ackId)
      return undefined
    }
    if ('relieved' in wait) {
      // The message has been taken: the answer goes now, only the next command waits.
      succeed(session, events, ackId)
      return wait.relieved()
    }
    return wait.then(
      () => succeed(session, events, ackId),
      (error: unknown) => fail(session, events, ackId, error),
    )
  } catch (error) {
    fail(session, events, ackId, error)
    return undefined
  }
}

function execute(session: Session, router: Router, command: OrderedCommand) {
  switch (command.type) {
    case 'joinGroup': {
      const { group } = command
      if (!session.permissions.check('joinLeaveGroup', group)) throw errors.joinForbidden({ group })
      return router.join(session, group)
    }
    case 'leaveGroup': {
      const { group } = command
      if (!session.permissions.check('joinLeaveGroup', group)) throw errors.leaveForbidden({ group })
      router.leave(session, group)
      return undefined
    }
    case 'sendToGroup': {
      const { group, ttlSeconds } = command
      if (!session.permissions.check('sendToGroup', group)) throw errors.sendForbidden({ group })
      const congestion = router.publish({
        id: router.newId(),
        target: { kind: 'group', hub: session.hub, group },
        from: 'group',
        fromUserId: session.userId,
        body: command.body,
        excluded: command.noEcho ? [session.connectionId] : [],
        filter: null,
        metadata: command.metadata,
        expiresAtMs: ttlSeconds > 0 ? Date.now() + ttlSeconds * 1000 : null,
      })
      return congestion ?? undefined
    }
    case 'event':
      // Nobody handles or listens to events of this hub.
      throw errors.eventUnhandled()
    default:
      return command satisfies never
  }
}

function succeed(session: Session, events: SessionEvents, ackId: string | null): void {
  if (ackId === null) return
  session.acks.add(ackId)
  answer(session, ackId, null)
  events.acked(session, 'success')
}

function fail(session: Session, events: SessionEvents, ackId: string | null, error: unknown): void {
  if (!(error instanceof HocketError)) events.failed(session, error)
  const known = error instanceof HocketError ? error : errors.internal({ cause: error, traceId: session.connectionId })
  if (ackId !== null) {
    answer(session, ackId, { name: known.ack ?? 'InternalServerError', message: known.message })
    events.acked(session, 'failure')
  } else if (session.encoder.control === null && known.close !== null) {
    // A simple client hears of a failure only by the close of its connection.
    session.closeFor(known)
  }
}

function answer(session: Session, ackId: string, error: AckError | null): void {
  const { control } = session.encoder
  if (control !== null) session.sendControl(control.ack(ackId, error))
}
