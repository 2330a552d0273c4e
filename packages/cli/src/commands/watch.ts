import { signClientToken } from '@hocket/server/internal'
import { resolveServer, type Server, type ServerOptions } from '../connection.ts'
import { explainHandshake } from '../handshake.ts'
import { CliError, type Io, oneLine, oneLineOfJson } from '../io.ts'

export interface WatchOptions extends ServerOptions {
  readonly hub: string
  readonly group: readonly string[]
  readonly user?: string
  /** Print frames as they came. */
  readonly json?: boolean
}

const subprotocol = 'json.webpubsub.azure.v1'
const minDelayMs = 500
const maxDelayMs = 30_000

/**
 * Prints every message that a client in these groups gets, until `signal` aborts. Connects again when it loses the server.
 * @throws CliError when the first connection cannot be made, or the server refuses one for good
 */
export async function watch(options: WatchOptions, io: Io, signal: AbortSignal): Promise<void> {
  const server = resolveServer(options, io.env)
  let failures = 0
  let wasConnected = false
  while (!signal.aborted) {
    const clientUrl = newClientUrl(server, options)
    const end = await watchOnce(clientUrl, options, io, signal)
    if (signal.aborted) return
    if (end.wasOpen) {
      wasConnected = true
      failures = 0
    } else {
      const failure = await explainHandshake(clientUrl, subprotocol, server.endpoint)
      if (failure !== null && (failure.isFinal || !wasConnected)) throw new CliError(failure.message)
    }
    const delayMs = backoffMs(failures++)
    io.err(`${sentenceOf(end, server)} Connecting again in ${(delayMs / 1000).toFixed(1)} s.`)
    await pause(delayMs, signal)
  }
}

/** Milliseconds before try number `failures`: 0.5 s, doubled up to 30 s, less up to a third of it at random. */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  const full = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(failures, 10))
  return Math.round(full * (1 - random() / 3))
}

function newClientUrl(server: Server, { hub, user, group }: WatchOptions): string {
  const { endpoint, accessKey } = server
  return signClientToken({ endpoint, key: accessKey, hub, userId: user ?? null, groups: group }).url
}

interface End {
  readonly wasOpen: boolean
  readonly code: number
  readonly reason: string
}

function watchOnce(url: string, options: WatchOptions, io: Io, signal: AbortSignal): Promise<End> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, subprotocol)
    let wasOpen = false
    const close = () => socket.close(1000)
    signal.addEventListener('abort', close, { once: true })
    socket.addEventListener('open', () => {
      wasOpen = true
      io.err(`Connected to hub ${options.hub}${options.group.length === 0 ? '' : `, in ${options.group.join(', ')}`}.`)
    })
    socket.addEventListener('message', ({ data }) => {
      const line = options.json === true ? oneLineOfJson(String(data)) : describeFrame(String(data))
      if (line !== null) io.out(line)
    })
    // An error is always followed by a close, which has what is known about it.
    socket.addEventListener('error', () => {})
    socket.addEventListener('close', ({ code, reason }) => {
      signal.removeEventListener('abort', close)
      resolve({ wasOpen, code, reason })
    })
  })
}

function sentenceOf(end: End, server: Server): string {
  if (!end.wasOpen) return `No connection to ${server.endpoint}.`
  return `Disconnected (${end.code}${end.reason === '' ? '' : `, ${oneLine(end.reason)}`}).`
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}

/** One line for a frame of the JSON subprotocol; `null` for what says nothing new. */
export function describeFrame(text: string): string | null {
  let frame: Record<string, unknown>
  try {
    frame = exactJson(text) as Record<string, unknown>
  } catch {
    return oneLine(text)
  }
  if (frame.type === 'system') {
    if (frame.event === 'connected') return null
    return oneLine(`[${String(frame.event)}] ${String(frame.message ?? '')}`)
  }
  if (frame.type !== 'message') return oneLine(text)
  const group = typeof frame.group === 'string' ? `group ${frame.group}` : String(frame.from)
  const from = typeof frame.fromUserId === 'string' ? ` ${frame.fromUserId}:` : ''
  const kind = frame.dataType === 'binary' || frame.dataType === 'protobuf' ? ` (${frame.dataType}, base64)` : ''
  const data = typeof frame.data === 'string' && frame.dataType !== 'json' ? frame.data : JSON.stringify(frame.data)
  return oneLine(`[${group}]${from}${kind} ${data}`)
}

interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(source: string): unknown
}

/** Parses JSON so that `JSON.stringify` gives numbers back as they were written: 2^53+1 stays what it is. */
function exactJson(text: string): unknown {
  const json = JSON as unknown as ExactJson
  return json.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined ? json.rawJSON(source) : value,
  )
}
