/** What a session and its WebSocket know of each other. Engines implement `Transport` and make `Frame`s; nothing here names one. */

/**
 * A payload prepared by the engine, shared by every receiver of its wire form. A long one leaves in several pieces
 * (WebSocket fragments), so that nobody waits behind it.
 */
export interface Frame {
  /** Payload bytes, without any receiver's prefix. */
  readonly byteLength: number
  readonly pieces: number
  /** Epoch milliseconds from which on it must not be written any more; `Infinity` means never. */
  readonly expiresAtMs: number
  /** Outbox entries that hold it now. Its bytes count once per process, whatever this number is. */
  refs: number
}

/** One WebSocket, as the session sees it. Every call is harmless after the socket has closed. */
export interface Transport {
  /** Bytes handed over and not yet taken by the kernel. */
  readonly bufferedBytes: number
  /**
   * Writes one piece of a frame; `prefix` goes in front of the first piece, within the same WebSocket message.
   * @returns the payload bytes written
   */
  write(frame: Frame, piece: number, prefix: Uint8Array | null): number
  /** Collects the writes until `uncork` into one system call. */
  cork(): void
  uncork(): void
  /** Sends a close frame behind everything written. The peer has the close time-out to answer, then the socket is cut. */
  close(code: number, reason: string): void
  /** Cuts the socket without a close frame. */
  abort(): void
  ping(): void
  /** Stops reading until `resume`. Frames that have been read already still arrive. */
  pause(): void
  resume(): void
}

/** What the session hears from its transport. */
export interface TransportHandlers {
  message(data: Uint8Array, isBinary: boolean): void
  /** A ping or pong arrived. */
  alive(): void
  /** The engine's buffer is empty again after it was over the blocked mark. */
  drained(): void
  /** The last call: the socket is gone. */
  closed(end: TransportEnd): void
}

export interface TransportEnd {
  /** `peer`: the peer sent a close frame; `violation`: it broke the WebSocket protocol or a size limit; `lost`: neither. */
  readonly by: 'peer' | 'violation' | 'lost'
  /** The peer's close code (1005 when its close frame had none), the code we answered a violation with, or 1006. */
  readonly code: number
}
