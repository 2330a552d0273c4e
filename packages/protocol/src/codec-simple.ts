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

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

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
 * Reads `webpubsub_mode`, `group` and `noEcho` of a client URL; of repeated ones the last counts.
 * @throws HocketError `invalidQuery` or `invalidGroup`
 */
export function parseSimpleMode(query: URLSearchParams): SimpleMode {
  const mode = last(query, 'webpubsub_mode')
  switch (mode.toLowerCase()) {
    case '':
    case 'sendevent':
      return { kind: 'sendEvent' }
    case 'sendtogroup': {
      const groups = query.getAll('group')
      if (groups.length !== 1 || !isGroupName(groups[0]!)) throw errors.invalidGroup({ target: 'group' })
      return { kind: 'sendToGroup', group: groups[0]!, noEcho: readNoEcho(last(query, 'noEcho')) }
    }
    default:
      throw errors.invalidQuery({ parameter: 'webpubsub_mode', target: 'webpubsub_mode' })
  }
}

function readNoEcho(value: string): boolean {
  const lower = value.toLowerCase()
  if (lower !== '' && lower !== 'true' && lower !== 'false') throw errors.invalidQuery({ parameter: 'noEcho', target: 'noEcho' })
  return lower === 'true'
}

function last(query: URLSearchParams, name: string): string {
  let found = ''
  for (const [key, value] of query) if (key.toLowerCase() === name.toLowerCase()) found = value
  return found
}
