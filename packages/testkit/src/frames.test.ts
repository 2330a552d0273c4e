import { describe, expect, it } from 'vitest'
import {
  closePayload,
  encodeFrame,
  type Frame,
  FrameParser,
  fragmentedFrames,
  type HttpHead,
  MessageAssembler,
  opcodes,
  parseClosePayload,
  textFrame,
  upgradeRequest,
  WebSocketStream,
  type WireMessage,
} from './frames.ts'

describe('encodeFrame', () => {
  it('builds the examples of RFC 6455, section 5.7', () => {
    const hex = (frame: Buffer) => frame.toString('hex')
    expect(hex(encodeFrame({ opcode: opcodes.text, payload: 'Hello', maskKey: null }))).toBe('810548656c6c6f')
    const maskKey = Buffer.from('37fa213d', 'hex')
    expect(hex(encodeFrame({ opcode: opcodes.text, payload: 'Hello', maskKey }))).toBe('818537fa213d7f9f4d5158')
    expect(hex(encodeFrame({ opcode: opcodes.text, payload: 'Hel', fin: false, maskKey: null }))).toBe('010348656c')
    expect(hex(encodeFrame({ opcode: opcodes.ping, payload: 'Hello', maskKey: null }))).toBe('890548656c6c6f')
    const binary = encodeFrame({ opcode: opcodes.binary, payload: new Uint8Array(256), maskKey: null })
    expect(hex(binary.subarray(0, 4))).toBe('827e0100')
    const large = encodeFrame({ opcode: opcodes.binary, payload: new Uint8Array(65_536), maskKey: null })
    expect(hex(large.subarray(0, 10))).toBe('827f0000000000010000')
  })

  it('writes lengths longer than needed, false lengths and reserved bits when asked', () => {
    const hex = (fields: object) =>
      encodeFrame({ opcode: opcodes.text, payload: 'a', maskKey: null, ...fields }).toString('hex')
    expect(hex({ lengthForm: '16-bit' })).toBe('817e000161')
    expect(hex({ lengthForm: '64-bit' })).toBe('817f000000000000000161')
    expect(hex({ declaredLength: 2n ** 63n })).toBe('817f800000000000000061')
    expect(hex({ rsv: 4 })).toBe('c10161')
  })
})

describe('FrameParser', () => {
  it('gives the same frames whatever chunks the bytes come in', () => {
    const payloads = ['', 'short', 'x'.repeat(126), 'é'.repeat(40_000)]
    const bytes = Buffer.concat(payloads.map((payload) => textFrame(payload)))
    for (const chunkBytes of [1, 3, 7, 1000, bytes.length]) {
      const parser = new FrameParser()
      const frames: Frame[] = []
      for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
        frames.push(...parser.push(bytes.subarray(offset, offset + chunkBytes)))
      }
      expect(frames.map((frame) => frame.payload.toString())).toEqual(payloads)
      expect(frames.every((frame) => frame.masked && frame.fin)).toBe(true)
      expect(parser.pendingBytes).toBe(0)
    }
  })

  it('says how much of an incomplete frame it holds', () => {
    const parser = new FrameParser()
    parser.push(Buffer.concat([textFrame('whole'), textFrame('half').subarray(0, 4)]))
    expect(parser.pendingBytes).toBe(4)
  })
})

describe('MessageAssembler', () => {
  it('joins fragments, and lets a control frame between them out where it stands', () => {
    const [first, ...others] = fragmentedFrames(opcodes.text, 'abcdefg', 3)
    const bytes = Buffer.concat([first!, encodeFrame({ opcode: opcodes.ping, payload: 'p' }), ...others])
    const assembler = new MessageAssembler()
    const messages = new FrameParser().push(bytes).map((frame) => assembler.push(frame))
    expect(messages.filter((message) => message !== null)).toEqual([
      { opcode: opcodes.ping, payload: Buffer.from('p'), frames: 1 },
      { opcode: opcodes.text, payload: Buffer.from('abcdefg'), frames: 3 },
    ])
  })

  it('refuses a continuation of nothing and a message inside a message', () => {
    const [first, second] = fragmentedFrames(opcodes.text, 'abcd', 2).map((bytes) => new FrameParser().push(bytes)[0]!)
    expect(() => new MessageAssembler().push(second!)).toThrow('no message to continue')
    const assembler = new MessageAssembler()
    assembler.push(first!)
    expect(() => assembler.push(first!)).toThrow('inside a fragmented message')
  })
})

describe('close payloads', () => {
  it('round-trip, and read as 1005 when empty', () => {
    expect(parseClosePayload(closePayload(1008, 'nein – no'))).toEqual({ code: 1008, reason: 'nein – no' })
    expect(parseClosePayload(Buffer.alloc(0))).toEqual({ code: 1005, reason: '' })
  })
})

describe('WebSocketStream', () => {
  it('reads head and messages from a stream that is cut anywhere', () => {
    const request = upgradeRequest({ host: 'h:1', target: '/client/hubs/a?b=c', subprotocols: ['x', 'y'] })
    const bytes = Buffer.concat([request, textFrame('one'), ...fragmentedFrames(opcodes.text, 'two', 2)])
    for (let cut = 0; cut <= bytes.length; cut++) {
      const heads: HttpHead[] = []
      const messages: WireMessage[] = []
      const stream = new WebSocketStream({
        onHead: (head) => heads.push(head),
        onMessage: (message) => messages.push(message),
      })
      stream.push(bytes.subarray(0, cut))
      stream.push(bytes.subarray(cut))
      expect(heads.map((head) => head.startLine)).toEqual(['GET /client/hubs/a?b=c HTTP/1.1'])
      expect(heads[0]?.headers.get('sec-websocket-protocol')).toBe('x, y')
      expect(messages.map((message) => message.payload.toString())).toEqual(['one', 'two'])
      expect(stream.pendingBytes).toBe(0)
    }
  })
})
