/**
 * Drives the official JavaScript client for the fault suite, in a process of its own: commands come in as JSON lines on
 * stdin, events go out as JSON lines on stdout. The lines are described in driver.ts.
 */

import { createInterface } from 'node:readline'
import { WebPubSubClient } from '@azure/web-pubsub-client'
import { contentKey } from '@hocket/testkit/fault-proxy-tap'
import type { DriverCommand, DriverEvent, OpenCommand, PublishCommand } from './driver.ts'

const retryMs = 200
/** Above every ack id that the client gives out itself. */
const firstOwnAckId = 1_000_000

function emit(event: DriverEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

/** One client with everything an application would do to keep it going. */
class Member {
  publishing = true
  readonly #name: string
  readonly #group: string | null
  readonly #client: WebPubSubClient
  #active = true

  constructor({ client: name, url, group }: OpenCommand) {
    this.#name = name
    this.#group = group
    const client = new WebPubSubClient(
      { getClientAccessUrl: async () => url },
      {
        messageRetryOptions: { maxRetries: 40, retryDelayInMs: 150 },
        reconnectRetryOptions: { retryDelayInMs: 300 },
      },
    )
    this.#client = client
    client.on('connected', (e) => emit({ event: 'connected', client: name, connectionId: e.connectionId }))
    client.on('disconnected', (e) =>
      emit({ event: 'disconnected', client: name, connectionId: e.connectionId ?? null }),
    )
    client.on('group-message', ({ message }) => this.#onMessage(message.sequenceId, message.data))
    client.on('server-message', ({ message }) => this.#onMessage(message.sequenceId, message.data))
    client.on('rejoin-group-failed', (e) => {
      emit({ event: 'rejoinFailed', client: name, error: String(e.error) })
      void this.#untilDone(() => client.joinGroup(e.group))
    })
    client.on('stopped', () => {
      emit({ event: 'stopped', client: name })
      void this.#untilDone(() => client.start())
    })
  }

  async open(): Promise<void> {
    await this.#untilDone(() => this.#client.start())
    const group = this.#group
    if (group !== null) await this.#untilDone(() => this.#client.joinGroup(group))
    emit({ event: 'ready', client: this.#name })
  }

  async publish(command: PublishCommand): Promise<void> {
    const { group, sizes, everyMs, parallel, limit, ownAckIds } = command
    let last = 0
    const work = async () => {
      while (this.publishing && last < limit) {
        const number = ++last
        const content = `${this.#name}-${number} ${'x'.repeat(sizes[number % sizes.length] ?? 0)}`
        try {
          // With an id of ours the client keeps it over its retries; without, it takes a new one for each.
          await this.#client.sendToGroup(group, content, 'text', ownAckIds ? { ackId: firstOwnAckId + number } : {})
          emit({ event: 'sent', client: this.#name, number })
        } catch (error) {
          emit({ event: 'sendFailed', client: this.#name, number, error: String(error) })
        }
        await new Promise((resolve) => setTimeout(resolve, everyMs))
      }
    }
    await Promise.all(Array.from({ length: parallel }, work))
    emit({ event: 'publisherDone', client: this.#name })
  }

  abandon(): void {
    this.#active = false
    this.#client.stop()
  }

  #onMessage(sequenceId: number | undefined, data: unknown): void {
    emit({ event: 'message', client: this.#name, sequenceId: sequenceId ?? null, key: contentKey(String(data)) })
  }

  async #untilDone(action: () => Promise<unknown>): Promise<void> {
    while (this.#active) {
      try {
        await action()
        return
      } catch (error) {
        emit({ event: 'note', client: this.#name, text: String(error) })
        await new Promise((resolve) => setTimeout(resolve, retryMs))
      }
    }
  }
}

const members = new Map<string, Member>()

function execute(command: DriverCommand): void {
  switch (command.op) {
    case 'open':
    case 'restart': {
      members.get(command.client)?.abandon()
      const member = new Member(command)
      members.set(command.client, member)
      void member.open()
      break
    }
    case 'publish':
      void members.get(command.client)?.publish(command)
      break
    case 'stopPublishing':
      for (const member of members.values()) member.publishing = false
      break
    case 'quit':
      process.exit(0)
      break
    default:
      command satisfies never
  }
}

process.on('uncaughtException', (error) => emit({ event: 'crash', client: '', error: error.stack ?? String(error) }))
process.on('unhandledRejection', (error) => emit({ event: 'crash', client: '', error: String(error) }))
createInterface({ input: process.stdin })
  .on('line', (line) => execute(JSON.parse(line)))
  .on('close', () => process.exit(0))
