/** Sends WebSocket frames, right and wrong ones, over as many sockets as it takes until the server has seen each. */

import { connect } from 'node:net'
import { encodeFrame, FrameParser, opcodes, parseClosePayload } from '@hocket/testkit/frames'

/** What came of one socket. */
export interface SocketEnd {
  /** Status of the answer to the handshake; `null` when the socket went without one. */
  readonly status: number | null
  /** Inputs that were read while the connection stood, the one that ended it not among them. */
  readonly survived: number
  /** The close frame of the server, if it sent one. */
  readonly close: { readonly code: number; readonly reason: string } | null
  /** Payloads of text frames from the server, when they are wanted. */
  readonly texts: readonly string[]
}

export interface SocketOptions {
  readonly port: number
  /** The handshake, byte for byte. */
  readonly request: Uint8Array
  readonly inputs: readonly Uint8Array[]
  /** Sent ahead of the inputs, and not counted. */
  readonly prelude?: readonly Uint8Array[]
  readonly keepTexts?: boolean
}

const socketTimeoutMs = 20_000

/**
 * Opens a socket, writes every input and ends its side. Behind each input goes a ping with its number: pongs come in
 * order, so they tell how far the connection lived. An input that waits for more bytes is cut off by the end.
 * @throws Error when the server neither answers nor closes
 */
export function sendFrames(options: SocketOptions): Promise<SocketEnd> {
  const { port, request, inputs, prelude = [], keepTexts = false } = options
  const { promise, resolve, reject } = Promise.withResolvers<SocketEnd>()
  const socket = connect({ port, host: '127.0.0.1' })
  const parser = new FrameParser()
  const texts: string[] = []
  let head: Buffer | null = Buffer.alloc(0)
  let status: number | null = null
  let survived = 0
  let close: SocketEnd['close'] = null
  socket.setNoDelay(true)
  socket.setTimeout(socketTimeoutMs, () => {
    reject(new Error(`For ${socketTimeoutMs} ms the server neither answered nor closed; ${survived} inputs were read.`))
    socket.destroy()
  })
  socket.on('connect', () => socket.write(request))
  // A reset is the server's right when it is sent garbage.
  socket.on('error', () => {})
  socket.on('close', () => resolve({ status, survived, close, texts }))
  socket.on('data', (chunk: Buffer) => {
    let bytes = chunk
    if (head !== null) {
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      status = Number(head.toString('latin1', 9, 12))
      bytes = head.subarray(end + 4)
      head = null
      socket.end(status === 101 ? Buffer.concat([...prelude, ...inputs.flatMap(withPing)]) : '')
    }
    if (status !== 101) return
    for (const frame of parser.push(bytes)) {
      if (frame.opcode === opcodes.pong && frame.payload.length === 4) survived = frame.payload.readUInt32BE() + 1
      else if (frame.opcode === opcodes.close) close = parseClosePayload(frame.payload)
      else if (keepTexts && frame.opcode === opcodes.text) texts.push(frame.payload.toString())
    }
  })
  return promise
}

function withPing(input: Uint8Array, index: number): Uint8Array[] {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(index)
  return [input, encodeFrame({ opcode: opcodes.ping, payload })]
}

/**
 * Sends every input, going on over a new socket behind the one that ended the last. `onEnd` judges each socket: `last` is
 * the input that ended it, or `null` when all were survived.
 */
export async function sendAllFrames(
  port: number,
  newRequest: () => Uint8Array,
  inputs: readonly Uint8Array[],
  onEnd: (end: SocketEnd, last: Uint8Array | null) => void,
): Promise<void> {
  for (let from = 0; from < inputs.length; ) {
    const rest = inputs.slice(from)
    const end = await sendFrames({ port, request: newRequest(), inputs: rest })
    onEnd(end, rest[end.survived] ?? null)
    from += end.survived + 1
  }
}
