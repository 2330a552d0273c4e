import type { HttpReply, HttpRequest } from '../http.ts'
import type { PrepareFrame } from '../router/frame-cache.ts'
import type { Transport, TransportHandlers } from '../transport.ts'

/**
 * The narrow seam between Hocket and what accepts its sockets. Nothing outside the gateway knows which engine runs; the
 * rest of the seam is `Transport` and `Frame` in transport.ts, `HttpRequest` and `HttpReply` in http.ts.
 */
export interface Engine {
  readonly prepare: PrepareFrame
  /** @throws when the address is taken or not allowed, with the system's `code` (`EADDRINUSE`, `EACCES`) */
  listen(handlers: EngineHandlers, address: ListenAddress): Promise<Listening>
}

export interface ListenAddress {
  /** A host name or address; `null` is loopback, over IPv4 and, where it exists, IPv6. */
  readonly host: string | null
  /** 0 picks a free one. */
  readonly port: number
}

export interface Listening {
  readonly port: number
  /** Addresses bound, such as `127.0.0.1` and `::1`. */
  readonly addresses: readonly string[]
  /** Accepts nothing new, and resolves when every socket has closed; those that are left after `graceMs` are cut. */
  close(graceMs: number): Promise<void>
}

export interface EngineHandlers {
  request(request: HttpRequest): Promise<HttpReply>
  /** Decides about a request to become a WebSocket. Never rejects. */
  upgrade(request: HttpRequest): Promise<UpgradeDecision>
  /** Something went wrong that no handler could be told of. */
  failed(error: unknown, what: string): void
}

export type UpgradeDecision =
  | { readonly type: 'refuse'; readonly reply: HttpReply }
  | {
      readonly type: 'accept'
      /** Value of `Sec-WebSocket-Protocol`, or `null` for none. */
      readonly subprotocol: string | null
      /** Called once, right after the 101, before any frame is read. */
      open(transport: Transport): TransportHandlers
      /** Called instead of `open` when the handshake came to nothing. */
      abandoned(): void
    }

export interface EngineLimits {
  /** Largest client message, in bytes; a longer one closes with 1009. Default 1 MiB. */
  readonly maxMessageBytes: number
  /** Largest request head (URL and headers), in bytes; a longer one gets 431. Default 64 KiB. */
  readonly maxRequestHeadBytes: number
  /** Time for a request head to arrive, in milliseconds. Default 10,000. */
  readonly handshakeTimeoutMs: number
  /** Time for a whole request to arrive, in milliseconds. Default 30,000. */
  readonly requestBodyTimeoutMs: number
  /** Time a peer has to answer a close frame, in milliseconds. Default 5,000. */
  readonly closeTimeoutMs: number
}
