import { beforeEach, describe, expect, it } from 'vitest'
import { parseContentType } from './content-type.ts'
import { type CallOptions, createFixture, plainError } from './fixture.ts'

let fixture = createFixture()
beforeEach(() => {
  fixture = createFixture()
})

const bytes = (...values: number[]) => new Uint8Array(values)
const send = (type: string | null, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  fixture.call('POST', '/api/hubs/h/:send', {
    headers: { ...(type === null ? {} : { 'Content-Type': type }), ...headers },
    body,
  })
const sent = () => fixture.router.published[0]?.body

describe('the body of a send', () => {
  it.each([
    ['text', 'text/plain', 'hällo', { dataType: 'text', data: 'hällo' }],
    ['text in UTF-8', 'text/plain; charset=utf-8', 'hällo', { dataType: 'text', data: 'hällo' }],
    ['a quoted charset', 'Text/Plain;Charset="UTF-8"', 'x', { dataType: 'text', data: 'x' }],
    ['Latin 1', 'text/plain; charset=iso-8859-1', bytes(0x68, 0xe4), { dataType: 'text', data: 'hä' }],
    ['UTF-16 with its mark', 'text/plain; charset=utf-16', bytes(0xff, 0xfe, 0x68, 0), { dataType: 'text', data: 'h' }],
    ['an empty text', 'text/plain', '', { dataType: 'text', data: '' }],
    ['a byte order mark in UTF-8 text, which is data', 'text/plain', '\ufeffx', { dataType: 'text', data: '\ufeffx' }],
    [
      'JSON as it was written',
      'application/json',
      ' {"b":9007199254740993, "a":1.0 }\n',
      { dataType: 'json', data: ' {"b":9007199254740993, "a":1.0 }\n' },
    ],
    ['JSON without its mark', 'application/json', '\ufeff"hi"', { dataType: 'json', data: '"hi"' }],
    ['JSON in another charset', 'application/json; charset=utf-16le', bytes(0x31, 0), { dataType: 'json', data: '1' }],
    ['a bare JSON string', 'application/json', '"hi"', { dataType: 'json', data: '"hi"' }],
    ['JSON null', 'application/json', 'null', { dataType: 'json', data: 'null' }],
    ['bytes', 'application/octet-stream', bytes(0, 255, 254), { dataType: 'binary', data: bytes(0, 255, 254) }],
    ['no bytes', 'application/octet-stream', '', { dataType: 'binary', data: bytes() }],
    ['bytes without a type', null, bytes(1), { dataType: 'binary', data: bytes(1) }],
    ['bytes with an empty type', '', bytes(1), { dataType: 'binary', data: bytes(1) }],
    ['bytes with a blank type', '  ', bytes(1), { dataType: 'binary', data: bytes(1) }],
    [
      'bytes whatever charset they claim',
      'application/octet-stream; charset=nonsense',
      bytes(1),
      { dataType: 'binary', data: bytes(1) },
    ],
    ['protobuf', 'application/x-protobuf', bytes(10, 0), { dataType: 'protobuf', data: bytes(10, 0) }],
  ])('may be %s', async (_, type, body, expected) => {
    expect((await send(type, body)).status).toBe(202)
    expect(sent()).toEqual(expected)
  })

  it.each(['{', '', '{"a":1,}', "{'a':1}", '[1', '"\u0001"', 'NaN', 'undefined', '1 2', '\u00a01'])(
    'is no JSON: %j',
    async (body) => {
      const reply = await send('application/json', body)
      expect(reply.status).toBe(400)
      expect(reply.headers['x-ms-error-code']).toBe('Error.BadRequest')
      expect(reply.headers['Content-Type']).toBe('application/json; charset=utf-8')
      expect(reply.body).toBe(plainError('Error.BadRequest', 'The request body is not a valid JSON.', 'Request'))
      expect(fixture.router.published).toEqual([])
    },
  )

  it('is refused when it is not text in its charset', async () => {
    const text = await send('text/plain', bytes(0x68, 0xff))
    expect(text.status).toBe(400)
    expect(text.body).toContain('The request body is not valid utf-8 text.')
    expect((await send('application/json', bytes(0x22, 0xff, 0x22))).body).toContain('not a valid JSON')
    expect(fixture.router.published).toEqual([])
  })

  it.each([
    'text/html',
    'application/xml',
    'json',
    'text/plain; charset=nonsense',
    'text/plain; charset=',
    'text/plain; charset="utf-8',
    'application/json; charset=utf-8; charset=utf-16',
    'text/plain, text/plain',
    'text/plain; charset=utf-7',
    '/',
    'text/',
    'constructor',
    'text/plain utf-8',
    'application/json; x',
  ])('is refused with the content type %s', async (type) => {
    const reply = await send(type, '1')
    expect(reply.status).toBe(415)
    expect(reply.body).toBeNull()
    expect(reply.headers).toMatchObject({
      'Content-Length': '0',
      'x-ms-error-code': 'Error.UnsupportedMediaType',
      Accept: 'text/plain, application/json, application/octet-stream, application/x-protobuf',
    })
    expect(fixture.router.published).toEqual([])
  })

  it('is accepted up to the limit, and refused above it, announced or not', async () => {
    const small = createFixture({ maxMessageBytes: 10 })
    const call = (body: string, headers: Record<string, string> = {}) =>
      small.call('POST', '/api/hubs/h/:send', { headers: { 'content-type': 'text/plain', ...headers }, body })
    expect((await call('0123456789', { 'content-length': '10' })).status).toBe(202)
    expect((await call('0123456789', { 'transfer-encoding': 'chunked' })).status).toBe(202)
    for (const reply of [await call('0123456789a'), await call('x', { 'content-length': '11' })]) {
      expect(reply.status).toBe(400)
      expect(reply.headers['x-ms-error-code']).toBe('Error.BadRequest')
      expect(JSON.parse(String(reply.body)).message).toMatch(/^Invalid Content-Length header\./)
    }
    expect(small.router.published).toHaveLength(2)
  })

  it('nests as deeply as it likes', async () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000)
    expect((await send('application/json', deep)).status).toBe(202)
  })
})

describe('metadata of a send', () => {
  const withHeaders = (headers: CallOptions['headers']) =>
    fixture.call('POST', '/api/hubs/h/:send', { headers: headers ?? {}, body: 'x' })

  it('comes from headers, its keys in lower case', async () => {
    expect(
      (await send('text/plain', 'x', { 'X-WebPubSub-Metadata-Trace': ' abc ', 'x-webpubsub-metadata-b': '1' })).status,
    ).toBe(202)
    expect(fixture.router.published[0]?.metadata).toEqual({ trace: 'abc', b: '1' })
  })

  it('is the last value of a repeated header, behind its last comma', async () => {
    await withHeaders([
      ['x-webpubsub-metadata-k', 'one'],
      ['x-webpubsub-metadata-k', 'two, three'],
    ])
    expect(fixture.router.published[0]?.metadata).toEqual({ k: 'three' })
  })

  it('does not come from other headers', async () => {
    await withHeaders([['x-webpubsub-meta', 'a']])
    expect(fixture.router.published[0]?.metadata).toBeNull()
  })

  it.each([
    ['a key with a slash', { 'x-webpubsub-metadata-a/b': '1' }],
    ['no key', { 'x-webpubsub-metadata-': '1' }],
    ['a long key', { [`x-webpubsub-metadata-${'k'.repeat(257)}`]: '1' }],
    ['a value that is not ASCII', { 'x-webpubsub-metadata-k': 'ü' }],
    ['a long value', { 'x-webpubsub-metadata-k': 'v'.repeat(1025) }],
    [
      'too much in all',
      Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`x-webpubsub-metadata-k${i}`, 'v'.repeat(1000)])),
    ],
  ])('is refused for %s', async (_, headers) => {
    const reply = await withHeaders(headers)
    expect(reply.status).toBe(400)
    expect(reply.headers['x-ms-error-code']).toBe('Error.BadRequest')
    expect(JSON.parse(String(reply.body)).target).toBe('Request')
    expect(fixture.router.published).toEqual([])
  })
})

describe('the body of a bulk change', () => {
  const change = (body: unknown, type: string | null = 'application/json', path = ':addToGroups') =>
    fixture.call('POST', `/api/hubs/h/${path}`, {
      headers: type === null ? {} : { 'content-type': type },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })

  it.each([[{ groups: ['g'] }], [{ groups: ['g'], filter: null }], [{ groups: ['g'], filter: '', other: 1 }]])(
    'means every connection without a filter: %j',
    async (body) => {
      expect((await change(body)).status).toBe(200)
      expect(fixture.router.requests[0]).toMatchObject({ op: 'join', groups: ['g'], filter: null })
    },
  )

  it('takes any number of groups, the same one too', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => `g${i % 2000}`)
    expect((await change({ groups: many }, 'application/json; charset=UTF-8', ':removeFromGroups')).status).toBe(200)
    expect(fixture.router.requests).toHaveLength(1)
    expect(fixture.router.requests[0]).toMatchObject({ op: 'leave', groups: [...new Set(many)] })
  })

  it.each([
    ['{', 'The request body is not a valid JSON.'],
    ['', 'The request body is not a valid JSON.'],
    ['null', 'The request body is not a valid groups request.'],
    ['[]', 'The request body is not a valid groups request.'],
    ['"g"', 'The request body is not a valid groups request.'],
    ['{"groups":["g"],"filter":1}', 'The request body is not a valid groups request.'],
    ['{}', 'A nonempty list of valid group names is required.'],
    ['{"groups":null}', 'A nonempty list of valid group names is required.'],
    ['{"groups":[]}', 'A nonempty list of valid group names is required.'],
    ['{"groups":"g"}', 'A nonempty list of valid group names is required.'],
    ['{"groups":["g",1]}', 'A nonempty list of valid group names is required.'],
    ['{"groups":["g"," "]}', 'A nonempty list of valid group names is required.'],
    ['{"groups":[""]}', 'A nonempty list of valid group names is required.'],
    [`{"groups":["${'x'.repeat(1025)}"]}`, 'A nonempty list of valid group names is required.'],
  ])('refuses %.40s', async (body, message) => {
    const reply = await change(body)
    expect(reply.status).toBe(400)
    expect(reply.body).toBe(plainError('Error.BadRequest', message, 'Request'))
    expect(fixture.router.requests).toEqual([])
  })

  it.each([' ', 'userId', 'invalid filter'])('refuses the filter %j', async (filter) => {
    const reply = await change({ groups: ['g'], filter })
    expect(reply.status).toBe(400)
    expect(JSON.parse(String(reply.body)).errors.Filter[0]).toMatch(/\(Parameter 'filter'\)$/)
    expect(fixture.router.requests).toEqual([])
  })

  it.each([null, '', 'text/plain', 'application/json; charset=nope', 'application/octet-stream'])(
    'refuses the content type %j',
    async (type) => {
      const reply = await change({ groups: ['g'] }, type)
      expect(reply.status).toBe(415)
      expect(reply.headers.Accept).toBe('application/json')
    },
  )
})

describe('parseContentType', () => {
  it.each([
    ['text/plain', { mediaType: 'text/plain', charset: null }],
    ['TEXT/PLAIN ; charset = utf-8', null],
    ['text/plain;charset=utf-8;', { mediaType: 'text/plain', charset: 'utf-8' }],
    ['text/plain; a="b;c\\"d"; charset="x\\y"', { mediaType: 'text/plain', charset: 'xy' }],
    ['text/plain;', { mediaType: 'text/plain', charset: null }],
    ['text/plain;;', { mediaType: 'text/plain', charset: null }],
    ['text/plain x', null],
    ['', null],
  ])('reads %s', (header, expected) => {
    expect(parseContentType(header)).toEqual(expected)
  })

  it('takes long nonsense in its stride', () => {
    expect(parseContentType(`text/plain${' '.repeat(60_000)}x`)).toBeNull()
    expect(parseContentType(`text/plain${'; '.repeat(30_000)}"`)).toBeNull()
  })
})
