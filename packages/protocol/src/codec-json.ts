import { fromBase64, toBase64 } from './base64.ts'
import type { AckError, Codec, ConnectedInfo, ControlEncoder, Encoder } from './codec.ts'
import type { Command } from './commands.ts'
import { errors } from './errors.ts'
import { countMembers, memberSources, parseMembers } from './json-source.ts'
import type { Envelope, MessageBody, Metadata } from './message.ts'
import { checkMetadata } from './metadata.ts'
import { isEventName, isGroupName } from './names.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const maxUint64 = 2n ** 64n - 1n
const maxTtlSeconds = 300n

function malformed(reason: string) {
  return errors.malformedFrame({ reason })
}

/** What a client sent in place of a valid value, safe for a log line and short enough for a close frame. */
function shown(value: unknown): string {
  if (value === undefined) return '(missing)'
  if (typeof value !== 'string') return `of type ${value === null ? 'null' : typeof value}`
  const escaped = JSON.stringify(value.slice(0, 40)).replace(/[^ -~]/g, escapeCharacter)
  return value.length > 40 || escaped.length > 40 ? `${escaped.slice(0, 36)}..."` : escaped
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

// ---- client → service

/** One frame: its members as `JSON.parse` sees them, and the source text of those that must stay exact. */
interface Frame {
  readonly members: Readonly<Record<string, unknown>>
  readonly ackId: string | null
  readonly data: string | null
  readonly metadata: string | null
  readonly ttlSeconds: string | null
  readonly sequenceId: string | null
}

const sourced = ['ackId', 'data', 'metadata', 'ttlSeconds', 'sequenceId'] as const

function decode(bytes: Uint8Array): Command {
  const frame = readFrame(bytes)
  const { type } = frame.members
  const ackId = readUnsigned(frame, 'ackId', maxUint64)
  switch (typeof type === 'string' ? type.toLowerCase() : null) {
    case 'joingroup':
      return { type: 'joinGroup', group: readGroup(frame), ackId }
    case 'leavegroup':
      return { type: 'leaveGroup', group: readGroup(frame), ackId }
    case 'sendtogroup':
      return readSendToGroup(frame, ackId)
    case 'event':
      return readEvent(frame, ackId)
    case 'ping':
      return { type: 'ping' }
    case 'sequenceack':
      return { type: 'sequenceAck', sequenceId: readSequenceId(frame) }
    default:
      throw malformed(type === undefined ? "'type' is missing." : `unknown type ${shown(type)}.`)
  }
}

function readFrame(bytes: Uint8Array): Frame {
  let text: string
  let value: unknown
  try {
    text = utf8.decode(bytes)
  } catch {
    throw malformed('it is not UTF-8.')
  }
  try {
    value = parseMembers(text)
  } catch {
    throw malformed('it is not JSON.')
  }
  if (!isObject(value)) throw malformed('it is not a JSON object.')
  const [ackId, data, metadata, ttlSeconds, sequenceId] = memberSources(text, sourced)
  return { members: value, ackId, data, metadata, ttlSeconds, sequenceId }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readSendToGroup(frame: Frame, ackId: string | null): Command {
  const group = readGroup(frame)
  const { stream, noEcho = false } = frame.members
  if (stream !== undefined && stream !== null) throw malformed("streams ('stream') are not supported.")
  if (typeof noEcho !== 'boolean') throw malformed("'noEcho' must be a boolean.")
  const metadata = readMetadata(frame)
  const ttlSeconds = readTtl(frame)
  return { type: 'sendToGroup', group, ackId, noEcho, ttlSeconds, body: readBody(frame, metadata), metadata }
}

function readEvent(frame: Frame, ackId: string | null): Command {
  const { event } = frame.members
  if (typeof event !== 'string' || !isEventName(event)) throw malformed(`invalid event name ${shown(event)}.`)
  const metadata = readMetadata(frame)
  return { type: 'event', event, ackId, body: readBody(frame, metadata), metadata }
}

function readGroup({ members: { group } }: Frame): string {
  if (typeof group !== 'string' || !isGroupName(group)) throw malformed(`invalid group name ${shown(group)}.`)
  return group
}

function readSequenceId(frame: Frame): number {
  const digits = readUnsigned(frame, 'sequenceId', maxUint64)
  if (digits === null) throw malformed("'sequenceId' is missing.")
  // Above 2^53 there is nothing that it could acknowledge exactly, and all of it is acknowledged anyway.
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER)
}

/** An unsigned integer as its digits; `null` when it is absent or null. `1.0`, `1e3` and `-0` are none, as in .NET. */
function readUnsigned(frame: Frame, name: 'ackId' | 'sequenceId' | 'ttlSeconds', max: bigint): string | null {
  const value = frame.members[name]
  if (value === undefined || value === null) return null
  const source = frame[name]
  if (typeof value === 'number' && source !== null && /^\d{1,20}$/.test(source)) {
    // Not the source itself: a slice would keep the frame alive for as long as the id is remembered.
    const exact = Number.isSafeInteger(value) ? value : BigInt(source)
    if (exact <= max) return String(exact)
  }
  throw malformed(`'${name}' must be an integer from 0 to ${max}.`)
}

function readTtl(frame: Frame): number {
  return Number(readUnsigned(frame, 'ttlSeconds', maxTtlSeconds) ?? 0)
}

function readMetadata(frame: Frame): Metadata | null {
  const source = frame.metadata
  if (source === null || source === 'null') return null
  const metadata = parseMembers(source)
  if (!isObject(metadata)) throw malformed("'metadata' must be an object.")
  const values = Object.values(metadata)
  if (!values.every((value) => typeof value === 'string')) throw malformed('metadata values must be strings.')
  if (countMembers(source) !== values.length) throw malformed('a metadata key occurs twice.')
  const reason = checkMetadata(metadata as Metadata)
  if (reason !== null) throw malformed(`${reason}.`)
  return values.length === 0 ? null : (metadata as Metadata)
}

function readBody(frame: Frame, metadata: Metadata | null): MessageBody {
  const { data, dataType = 'json' } = frame.members
  if (data === undefined || frame.data === null) {
    if (metadata === null) throw malformed("'data' is missing.")
    return { dataType: 'text', data: '' }
  }
  switch (typeof dataType === 'string' ? dataType.toLowerCase() : null) {
    case 'json':
      if (data === null) throw malformed("'data' must not be null.")
      return { dataType: 'json', data: frame.data }
    case 'text':
      if (typeof data !== 'string') throw malformed("'data' must be a string when 'dataType' is text.")
      return { dataType: 'text', data }
    case 'binary':
      return { dataType: 'binary', data: readBase64(data) }
    case 'protobuf':
      return { dataType: 'protobuf', data: readBase64(data) }
    default:
      throw malformed(`unknown dataType ${shown(dataType)}.`)
  }
}

function readBase64(data: unknown): Uint8Array {
  const bytes = typeof data === 'string' ? fromBase64(data) : null
  if (bytes === null) throw malformed("'data' must be padded base64.")
  return bytes
}

// ---- service → client

/** A message without its opening brace: what is the same for every receiver. */
function messageRest({ from, target, fromUserId, body, metadata }: Envelope): string {
  let head = `"type":"message","from":"${from}"`
  if (from === 'group' && target.kind === 'group') {
    head += `,"group":${JSON.stringify(target.group)},"fromUserId":${JSON.stringify(fromUserId)}`
  }
  const tail = metadata === null ? '}' : `,"metadata":${JSON.stringify(metadata)}}`
  switch (body.dataType) {
    case 'json':
      return `${head},"dataType":"json","data":${body.data}${tail}`
    case 'text':
      return `${head},"dataType":"text","data":${JSON.stringify(body.data)}${tail}`
    case 'binary':
    case 'protobuf':
      return `${head},"dataType":"${body.dataType}","data":"${toBase64(body.data)}"${tail}`
    default:
      return body satisfies never
  }
}

const prefixHead = new TextEncoder().encode('{"sequenceId":')

/** `{"sequenceId":N,` as bytes: this is written once per receiver and message. */
function sequencePrefix(sequenceId: number): Uint8Array {
  let digits = 1
  for (let rest = sequenceId; rest >= 10; rest = Math.floor(rest / 10)) digits++
  const prefix = new Uint8Array(prefixHead.length + digits + 1)
  prefix.set(prefixHead)
  let rest = sequenceId
  for (let at = prefixHead.length + digits - 1; at >= prefixHead.length; at--) {
    prefix[at] = 0x30 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
  prefix[prefix.length - 1] = 0x2c
  return prefix
}

const control: ControlEncoder = {
  connected({ connectionId, userId, reconnectionToken }: ConnectedInfo) {
    const token = reconnectionToken === null ? '' : `,"reconnectionToken":${JSON.stringify(reconnectionToken)}`
    return `{"type":"system","event":"connected","userId":${JSON.stringify(userId)},"connectionId":${JSON.stringify(connectionId)}${token}}`
  },
  disconnected(message: string) {
    return `{"type":"system","event":"disconnected","message":${JSON.stringify(message)}}`
  },
  ack(ackId: string, error: AckError | null) {
    if (error === null) return `{"type":"ack","ackId":${ackId},"success":true}`
    // Some clients read both members without asking whether they are there.
    return `{"type":"ack","ackId":${ackId},"success":false,"error":{"name":${JSON.stringify(error.name)},"message":${JSON.stringify(error.message)}}}`
  },
  pong: () => '{"type":"pong"}',
}

const encoder: Encoder = {
  slot: 1,
  message: (envelope) => `{${messageRest(envelope)}`,
  sequencePrefix: null,
  control,
}

const reliableEncoder: Encoder = { slot: 2, message: messageRest, sequencePrefix, control }

/** `json.webpubsub.azure.v1`. Takes text frames, and the same JSON as UTF-8 in binary frames. */
export const jsonCodec: Codec = { encoder, decode }

/** `json.reliable.webpubsub.azure.v1`: messages carry a `sequenceId` in front. */
export const jsonReliableCodec: Codec = { encoder: reliableEncoder, decode }
