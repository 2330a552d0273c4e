import { describe, expect, it } from 'vitest'
import { createSimpleCodec, parseSimpleMode, simpleEncoder } from './codec-simple.ts'
import type { Envelope, MessageBody } from './message.ts'

const utf8 = new TextEncoder()
const mode = (query: string) => parseSimpleMode(new URLSearchParams(query))

describe('what simple clients send', () => {
  it('is an event named message by default', () => {
    const codec = createSimpleCodec({ kind: 'sendEvent' })
    expect(codec.decode(utf8.encode('hällo'), false)).toEqual({
      type: 'event',
      event: 'message',
      ackId: null,
      body: { dataType: 'text', data: 'hällo' },
      metadata: null,
    })
    expect(codec.decode(new Uint8Array([0, 255]), true)).toMatchObject({
      body: { dataType: 'binary', data: new Uint8Array([0, 255]) },
    })
  })

  it('goes to the group of the mode', () => {
    const codec = createSimpleCodec({ kind: 'sendToGroup', group: 'g', noEcho: true })
    expect(codec.decode(utf8.encode('{"type":"ping"}'), false)).toEqual({
      type: 'sendToGroup',
      group: 'g',
      ackId: null,
      noEcho: true,
      ttlSeconds: 0,
      body: { dataType: 'text', data: '{"type":"ping"}' },
      metadata: null,
    })
  })

  it('may be empty, and keeps a byte order mark', () => {
    const codec = createSimpleCodec({ kind: 'sendEvent' })
    for (const text of ['', '\ufeffx', '\0']) {
      expect(codec.decode(utf8.encode(text), false)).toMatchObject({ body: { dataType: 'text', data: text } })
    }
  })

  it('is refused when text is not UTF-8', () => {
    const codec = createSimpleCodec({ kind: 'sendEvent' })
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
      expect(() => codec.decode(new Uint8Array(bytes), false)).toThrow(
        expect.objectContaining({ code: 'malformedFrame', close: 1007 }),
      )
    }
  })
})

describe('what simple clients receive', () => {
  it('is the data alone: text and JSON as text, the rest as bytes', () => {
    const bytes = new Uint8Array([1, 2])
    const bodies: MessageBody[] = [
      { dataType: 'text', data: 'hi' },
      { dataType: 'json', data: '"hi" ' },
      { dataType: 'binary', data: bytes },
      { dataType: 'protobuf', data: bytes },
    ]
    const payloads = bodies.map((body) => simpleEncoder.message({ body, metadata: { k: 'v' } } as unknown as Envelope))
    expect(payloads).toEqual(['hi', '"hi" ', bytes, bytes])
  })

  it('has no system frames and no sequence', () => {
    expect(simpleEncoder).toMatchObject({ slot: 0, control: null, sequencePrefix: null })
    expect(createSimpleCodec({ kind: 'sendEvent' }).encoder).toBe(simpleEncoder)
  })
})

describe('the mode in a client URL', () => {
  it('is sendEvent unless it says otherwise, whatever group and noEcho are', () => {
    const queries = [
      '',
      'webpubsub_mode=',
      'webpubsub_mode=SENDEVENT',
      'group=&noEcho=maybe',
      'webpubsub_mode=sendEvent&group=g',
    ]
    for (const query of queries) expect(mode(query)).toEqual({ kind: 'sendEvent' })
  })

  it('is sendToGroup with its group, in any case', () => {
    const toGroup = { kind: 'sendToGroup', group: 'My G', noEcho: false }
    expect(mode('webpubsub_mode=sendToGroup&group=My+G')).toEqual(toGroup)
    expect(mode('WEBPUBSUB_MODE=sendtogroup&Group=My%20G&NOECHO=')).toEqual(toGroup)
    expect(mode('webpubsub_mode=sendToGroup&group=My+G&noEcho=False')).toEqual(toGroup)
    expect(mode('webpubsub_mode=sendToGroup&group=My+G&noEcho=TRUE')).toEqual({ ...toGroup, noEcho: true })
  })

  it('is the last of several', () => {
    expect(mode('webpubsub_mode=nonsense&webpubsub_mode=sendEvent')).toEqual({ kind: 'sendEvent' })
    expect(mode('webpubsub_mode=sendEvent&webpubsub_mode=sendToGroup&group=g&noEcho=x&noecho=true')).toEqual({
      kind: 'sendToGroup',
      group: 'g',
      noEcho: true,
    })
  })

  it('is refused with the name of the parameter that is wrong', () => {
    const refusals: [string, string][] = [
      ['webpubsub_mode=broadcast', 'webpubsub_mode'],
      ['webpubsub_mode=sendToGroup', 'group'],
      ['webpubsub_mode=sendToGroup&group=', 'group'],
      ['webpubsub_mode=sendToGroup&group=%20', 'group'],
      [`webpubsub_mode=sendToGroup&group=${'g'.repeat(1025)}`, 'group'],
      ['webpubsub_mode=sendToGroup&group=a&group=b', 'group'],
      ['webpubsub_mode=sendToGroup&group=a&GROUP=a', 'group'],
      ['webpubsub_mode=sendToGroup&group=a&noEcho=1', 'noEcho'],
    ]
    for (const [query, target] of refusals) {
      expect(() => mode(query)).toThrow(
        expect.objectContaining({ code: 'invalidQuery', http: 400, target, message: `Invalid ${target}.` }),
      )
    }
  })
})
