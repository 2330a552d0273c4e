import type { Codec, Encoder } from './codec.ts'
import { errors } from './errors.ts'
import type { MessageBody } from './message.ts'
import { isGroupName } from './names.ts'

/** What the frames of a simple client mean: events for the upstream, or messages to one group. */
export type SimpleMode =
  | { readonly kind: 'sendEvent' }
  | { readonly kind: 'sendToGroup'; readonly group: string; readonly noEcho: boolean }

/** Simple clients get the data alone: text and JSON in text frames, bytes in binary ones. No other frame exists. */
export const simpleEncoder: Encoder = {
  slot: 0,
  message: ({ body }) => body.data,
  sequencePrefix: null,
  control: null,
}

// A byte order mark is data here, as everywhere else.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The codec of clients without a subprotocol: every frame is one event named `message`, or one message to the group. */
export function createSimpleCodec(mode: SimpleMode): Codec {
  return {
    encoder: simpleEncoder,
    decode(data, isBinary) {
      const body = readBody(data, isBinary)
      if (mode.kind === 'sendEvent') return { type: 'event', event: 'message', ackId: null, body, metadata: null }
      const { group, noEcho } = mode
      return { type: 'sendToGroup', group, ackId: null, noEcho, ttlSeconds: 0, body, metadata: null }
    },
  }
}

function readBody(data: Uint8Array, isBinary: boolean): MessageBody {
  if (isBinary) return { dataType: 'binary', data }
  try {
    return { dataType: 'text', data: utf8.decode(data) }
  } catch {
    throw errors.malformedFrame({ reason: 'a text frame is not UTF-8.' })
  }
}

/**
 * Reads `webpubsub_mode`, `group` and `noEcho` of a client URL. Names and values have no case, of repeated ones the last
 * counts; but a repeated group is refused, because whichever were taken could be the wrong one to publish to.
 * @throws HocketError `invalidQuery`
 */
export function parseSimpleMode(query: URLSearchParams): SimpleMode {
  switch (last(query, 'webpubsub_mode').toLowerCase()) {
    case '':
    case 'sendevent':
      return { kind: 'sendEvent' }
    case 'sendtogroup': {
      const [group, second] = valuesOf(query, 'group')
      if (group === undefined || second !== undefined || !isGroupName(group)) throw invalid('group')
      return { kind: 'sendToGroup', group, noEcho: readNoEcho(last(query, 'noEcho')) }
    }
    default:
      throw invalid('webpubsub_mode')
  }
}

function readNoEcho(value: string): boolean {
  switch (value.toLowerCase()) {
    case 'true':
      return true
    case 'false':
    case '':
      return false
    default:
      throw invalid('noEcho')
  }
}

function last(query: URLSearchParams, name: string): string {
  return valuesOf(query, name).at(-1) ?? ''
}

function valuesOf(query: URLSearchParams, name: string): string[] {
  const lower = name.toLowerCase()
  const values: string[] = []
  for (const [key, value] of query) if (key.toLowerCase() === lower) values.push(value)
  return values
}

function invalid(parameter: string) {
  return errors.invalidQuery({ parameter, target: parameter })
}
