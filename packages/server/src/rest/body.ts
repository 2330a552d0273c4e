import { errors } from '@hocket/protocol/errors'
import { compileFilter } from '@hocket/protocol/filter'
import { parseMembers } from '@hocket/protocol/json-source'
import type { MessageBody, Metadata } from '@hocket/protocol/message'
import { metadataFromHeaders } from '@hocket/protocol/metadata'
import { isGroupName } from '@hocket/protocol/names'
import type { HttpRequest } from '../http.ts'
import { parseContentType } from './content-type.ts'

/** Reads the body of a request, after everything that can be refused without it. */
export interface BodyReader<Value> {
  readonly contentTypes: readonly string[]
  /** JSON Schema of a JSON body. */
  readonly schema: object
  /** @throws HocketError `bodyTooLarge`, `unsupportedContentType`, `invalidBody`, `invalidFilter`, `invalidMetadata` */
  read(request: HttpRequest, maxBytes: number): Promise<Value>
}

export interface Message {
  readonly body: MessageBody
  readonly metadata: Metadata | null
}

const messageTypes: ReadonlyMap<string, MessageBody['dataType']> = new Map([
  ['text/plain', 'text'],
  ['application/json', 'json'],
  ['application/octet-stream', 'binary'],
  ['application/x-protobuf', 'protobuf'],
])

/** What a send carries. JSON is checked, and kept as the text that was sent. */
export const messageBody: BodyReader<Message> = {
  contentTypes: [...messageTypes.keys()],
  schema: {},
  async read(request, maxBytes) {
    checkAnnouncedLength(request, maxBytes)
    const header = request.headers.get('content-type')
    // The Java SDK sends an empty header where it has none to send.
    const isMissing = header === null || header.trim() === ''
    const type = isMissing ? { mediaType: 'application/octet-stream', charset: null } : parseContentType(header)
    const dataType = messageTypes.get(type?.mediaType ?? '')
    if (type === null || dataType === undefined) throw unsupported(header, messageBody.contentTypes)
    const decoder = dataType === 'text' || dataType === 'json' ? decoderFor(type.charset, dataType) : null
    const bytes = await request.body(maxBytes)
    const body = readMessage(dataType, bytes, decoder)
    return { body, metadata: metadataFromHeaders(request.headers.entries()) }
  },
}

export interface GroupsChange {
  readonly groups: readonly string[]
  /** OData source; `null`: every connection of the hub. */
  readonly filter: string | null
}

/** Which groups change, and for whom. */
export const groupsBody: BodyReader<GroupsChange> = {
  contentTypes: ['application/json'],
  schema: {
    type: 'object',
    required: ['groups'],
    properties: {
      groups: { type: 'array', minItems: 1, items: { type: 'string', minLength: 1, maxLength: 1024 } },
      filter: { type: ['string', 'null'], description: 'OData filter. Absent or empty: every connection of the hub.' },
    },
  },
  async read(request, maxBytes) {
    checkAnnouncedLength(request, maxBytes)
    const header = request.headers.get('content-type')
    const type = header === null ? null : parseContentType(header)
    if (type?.mediaType !== 'application/json') throw unsupported(header, groupsBody.contentTypes)
    const decoder = decoderFor(type.charset, 'json')
    return readGroups(parseJson(decodeText(await request.body(maxBytes), decoder, 'json')))
  },
}

function readGroups(value: unknown): GroupsChange {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notGroups()
  const { groups, filter = null } = value as Record<string, unknown>
  if (filter !== null && typeof filter !== 'string') throw notGroups()
  if (!Array.isArray(groups) || groups.length === 0 || !groups.every(isGroup)) {
    throw errors.invalidBody({ reason: 'A nonempty list of valid group names is required.' })
  }
  if (filter === null || filter === '') return { groups: [...new Set(groups)], filter: null }
  compileFilter(filter)
  return { groups: [...new Set(groups)], filter }
}

const isGroup = (value: unknown): value is string => typeof value === 'string' && isGroupName(value)

const notGroups = () => errors.invalidBody({ reason: 'The request body is not a valid groups request.' })

function readMessage(dataType: MessageBody['dataType'], bytes: Uint8Array, decoder: TextDecoder | null): MessageBody {
  if (dataType === 'binary' || dataType === 'protobuf') return { dataType, data: bytes }
  const data = decodeText(bytes, decoder!, dataType)
  if (dataType === 'json') parseJson(data)
  return { dataType, data }
}

/** Refuses what is too long before its type is looked at, as the service orders its checks. */
function checkAnnouncedLength(request: HttpRequest, limit: number): void {
  const size = Number(request.headers.get('content-length') ?? 0)
  if (size > limit) throw errors.bodyTooLarge({ size, limit })
}

/**
 * UTF-8 text is kept as it is, a byte order mark included: it is data. In UTF-16 the mark only says how to read, and
 * JSON may not begin with one, so there it goes.
 */
function decoderFor(charset: string | null, dataType: 'text' | 'json'): TextDecoder {
  try {
    const decoder = new TextDecoder(charset ?? 'utf-8', { fatal: true })
    if (decoder.encoding !== 'utf-8' || dataType === 'json') return decoder
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  } catch {
    throw unsupported(`charset ${charset}`, ['charsets of the WHATWG Encoding Standard']) // a RangeError: unknown label
  }
}

function decodeText(bytes: Uint8Array, decoder: TextDecoder, dataType: 'text' | 'json'): string {
  try {
    return decoder.decode(bytes)
  } catch {
    // A receiver would close a WebSocket whose text is not UTF-8, so nothing is guessed here.
    if (dataType === 'json') throw notJson()
    throw errors.invalidBody({ reason: `The request body is not valid ${decoder.encoding} text.` })
  }
}

function parseJson(text: string): unknown {
  try {
    return parseMembers(text)
  } catch {
    throw notJson()
  }
}

const notJson = () => errors.invalidBody({ reason: 'The request body is not a valid JSON.' })

const unsupported = (found: string | null, allowed: readonly string[]) =>
  errors.unsupportedContentType({ found: found ?? '', allowed: allowed.join(', ') })
