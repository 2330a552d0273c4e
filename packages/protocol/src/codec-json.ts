import { fromBase64, toBase64 } from './base64.ts'
import type { AckError, Codec, ConnectedInfo, ControlEncoder, Encoder } from './codec.ts'
import type { Command } from './commands.ts'
import { errors } from './errors.ts'
import { hasDuplicateMember, memberSource } from './json-source.ts'
import type { Envelope, MessageBody, Metadata } from './message.ts'
import { checkMetadata } from './metadata.ts'
import { isEventName, isGroupName } from './names.ts'

type Members = Readonly<Record<string, unknown>>

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const maxUint64 = 2n ** 64n - 1n
const maxTtlSeconds = 300

function malformed(reason: string) {
  return errors.malformedFrame({ reason })
}

/** Text from a frame, safe and short enough for an error. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 32)) : typeof value
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

// ---- client → service

function decode(data: Uint8Array): Command {
  let text: string
  let frame: unknown
  try {
    text = utf8.decode(data)
    frame = JSON.parse(text)
  } catch {
    throw malformed('it is no JSON.')
  }
  if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) throw malformed('it is no JSON object.')
  const members = frame as Members
  const { type } = members
  switch (typeof type === 'string' ? type.toLowerCase() : null) {
    case 'joingroup':
      return { type: 'joinGroup', group: readGroup(members), ackId: readAckId(members, text) }
    case 'leavegroup':
      return { type: 'leaveGroup', group: readGroup(members), ackId: readAckId(members, text) }
    case 'sendtogroup':
      return readSendToGroup(members, text)
    case 'event':
      return readEvent(members, text)
    case 'ping':
      return { type: 'ping' }
    case 'sequenceack':
      return { type: 'sequenceAck', sequenceId: Number(readUint64(members, 'sequenceId', text) ?? missing('sequenceId')) }
    default:
      throw malformed(`unknown type ${shown(type)}.`)
  }
}

function missing(member: string): never {
  throw malformed(`'${member}' is missing.`)
}

function readSendToGroup(members: Members, text: string): Command {
  const group = readGroup(members)
  if (members.stream !== undefined && members.stream !== null) throw malformed("'stream' is not supported.")
  const { noEcho = null } = members
  if (noEcho !== null && typeof noEcho !== 'boolean') throw malformed("'noEcho' must be a boolean.")
  const metadata = readMetadata(members, text)
  return {
    type: 'sendToGroup',
    group,
    ackId: readAckId(members, text),
    noEcho: noEcho ?? false,
    ttlSeconds: readTtl(members),
    body: readBody(members, text, metadata),
    metadata,
  }
}

function readEvent(members: Members, text: string): Command {
  const { event } = members
  if (typeof event !== 'string' || !isEventName(event)) throw malformed(`invalid event name ${shown(event)}.`)
  const metadata = readMetadata(members, text)
  return { type: 'event', event, ackId: readAckId(members, text), body: readBody(members, text, metadata), metadata }
}

function readGroup({ group }: Members): string {
  if (typeof group !== 'string' || !isGroupName(group)) throw malformed(`invalid group name ${shown(group)}.`)
  return group
}

function readAckId(members: Members, text: string): string | null {
  return readUint64(members, 'ackId', text)
}

/** An unsigned 64-bit integer as its digits; `null` when it is absent or null. */
function readUint64(members: Members, name: string, text: string): string | null {
  const value = members[name] ?? null
  if (value === null) return null
  if (typeof value !== 'number') throw malformed(`'${name}' must be a number.`)
  const source = memberSource(text, name) ?? ''
  if (!/^\d{1,20}$/.test(source) || (source.length > 19 && BigInt(source) > maxUint64)) {
    throw malformed(`'${name}' must be an unsigned 64-bit integer.`)
  }
  return source
}

function readTtl({ ttlSeconds = null }: Members): number {
  if (ttlSeconds === null) return 0
  const isValid = typeof ttlSeconds === 'number' && Number.isInteger(ttlSeconds) && ttlSeconds >= 0 && ttlSeconds <= maxTtlSeconds
  if (!isValid) throw malformed(`'ttlSeconds' must be a whole number from 0 to ${maxTtlSeconds}.`)
  return ttlSeconds
}

function readMetadata(members: Members, text: string): Metadata | null {
  const { metadata = null } = members
  if (metadata === null) return null
  if (typeof metadata !== 'object' || Array.isArray(metadata)) throw malformed("'metadata' must be an object.")
  const entries = Object.entries(metadata)
  if (!entries.every(([, value]) => typeof value === 'string')) throw malformed('metadata values must be strings.')
  if (hasDuplicateMember(memberSource(text, 'metadata') ?? '{}')) throw malformed('a metadata key occurs twice.')
  const reason = checkMetadata(metadata as Metadata)
  if (reason !== null) throw malformed(`${reason}.`)
  return entries.length === 0 ? null : (metadata as Metadata)
}

function readBody(members: Members, text: string, metadata: Metadata | null): MessageBody {
  const { data, dataType = null } = members
  if (dataType !== null && typeof dataType !== 'string') throw malformed("'dataType' must be a string.")
  if (data === undefined && metadata !== null) return { dataType: 'text', data: '' }
  if (data === undefined) missing('data')
  switch (dataType === null ? 'json' : dataType.toLowerCase()) {
    case 'json':
      if (data === null) throw malformed("'data' must not be null.")
      return { dataType: 'json', data: memberSource(text, 'data') ?? missing('data') }
    case 'text':
      if (typeof data !== 'string') throw malformed("'data' of type text must be a string.")
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
  if (bytes === null) throw malformed("'data' must be base64.")
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
