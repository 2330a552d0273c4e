/** Sends HTTP requests as raw bytes: pipelined ones whose answers are read one by one, and bytes that are hardly HTTP. */

import { connect, type Socket } from 'node:net'

export interface HttpRequestBytes {
  readonly bytes: Uint8Array
  /** Whether the answer has no body whatever its headers say. */
  readonly isHead?: boolean
}

export interface HttpAnswer {
  readonly status: number
  /** Start line and headers, as Latin-1. */
  readonly head: string
  readonly body: string
}

const socketTimeoutMs = 40_000
/** An answer that closes the connection costs no more than so many requests that have to be sent again. */
const maxPipelined = 16

/**
 * Sends complete requests over as few sockets as the server allows.
 * @throws Error when one is not answered, also when it is sent alone
 */
export async function sendRequests(port: number, requests: readonly HttpRequestBytes[]): Promise<HttpAnswer[]> {
  const answers: HttpAnswer[] = []
  while (answers.length < requests.length) {
    const rest = requests.slice(answers.length, answers.length + maxPipelined)
    let some = await pipeline(port, rest)
    // What the server closed upon can be lost in the reset that the requests behind it caused.
    if (some.length === 0) some = await pipeline(port, rest.slice(0, 1))
    if (some.length === 0) {
      throw new Error(`No answer to ${JSON.stringify(Buffer.from(rest[0]!.bytes).toString('latin1').slice(0, 500))}`)
    }
    answers.push(...some)
  }
  return answers
}

const goodbye = Buffer.from('HEAD /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')

function pipeline(port: number, requests: readonly HttpRequestBytes[]): Promise<HttpAnswer[]> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer[]>()
  const answers: HttpAnswer[] = []
  let bytes: Buffer = Buffer.alloc(0)
  const socket = open(port, reject)
  socket.on('connect', () => socket.write(Buffer.concat([...requests.map((request) => request.bytes), goodbye])))
  socket.on('close', () => resolve(answers))
  socket.on('data', (chunk: Buffer) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    while (answers.length < requests.length) {
      let read: ReturnType<typeof readAnswer>
      try {
        read = readAnswer(bytes, requests[answers.length]!.isHead ?? false)
      } catch (error) {
        reject(new Error(`After ${JSON.stringify(answers.at(-1))}`, { cause: error }))
        socket.destroy()
        return
      }
      if (read === null) return
      bytes = bytes.subarray(read.end)
      if (read.answer !== null) answers.push(read.answer)
    }
  })
  return promise
}

/** `answer` is `null` for an interim one such as `100 Continue`. */
function readAnswer(bytes: Buffer, isHead: boolean): { answer: HttpAnswer | null; end: number } | null {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const head = bytes.toString('latin1', 0, headEnd)
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? Number.NaN)
  if (Number.isNaN(status))
    throw new Error(`No HTTP answer begins like this: ${JSON.stringify(bytes.toString('latin1', 0, 300))}`)
  if (status < 200) return { answer: null, end: headEnd + 4 }
  const hasBody = !isHead && status !== 204 && status !== 304
  // Only Node's own refusals come in chunks, and they are empty.
  const length = /^transfer-encoding: *chunked/im.test(head)
    ? 5
    : Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
  const end = headEnd + 4 + (hasBody ? length : 0)
  if (bytes.length < end) return null
  return { answer: { status, head, body: bytes.toString('utf8', headEnd + 4, end) }, end }
}

/** How long the server may say nothing before the client ends its side. */
const quietMs = 120

/**
 * Sends bytes that need not be HTTP in the given pieces, then a request for health, and gives all that came back until
 * the server closed. When it waits for more, the client ends its side.
 */
export function sendBytes(port: number, pieces: readonly Uint8Array[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const chunks: Buffer[] = []
  let quiet: NodeJS.Timeout | undefined
  const socket = open(port, reject)
  const end = () => {
    socket.end()
  }
  socket.on('connect', () => {
    for (const piece of [...pieces, goodbye]) socket.write(piece)
    quiet = setTimeout(end, quietMs)
  })
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    quiet?.refresh()
  })
  socket.on('close', () => {
    clearTimeout(quiet)
    resolve(Buffer.concat(chunks).toString('latin1'))
  })
  return promise
}

/** The statuses of all answers in what came back. */
export function statusesIn(answers: string): number[] {
  return [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
}

function open(port: number, reject: (error: Error) => void): Socket {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.setNoDelay(true)
  socket.setTimeout(socketTimeoutMs, () => {
    reject(new Error(`For ${socketTimeoutMs} ms the server neither answered nor closed.`))
    socket.destroy()
  })
  // A reset is the server's right when it is sent garbage.
  socket.on('error', () => {})
  return socket
}
