/** HTTP as both engines offer it: the least that the gateway, REST and metrics need, without either engine's types. */

export interface HttpRequest {
  readonly method: string
  /** The request target as it was sent: path and query, percent-escapes untouched. */
  readonly target: string
  readonly headers: HttpHeaders
  readonly remoteAddress: string
  /**
   * Reads the body, chunked or with a length.
   * @throws HocketError `bodyTooLarge` as soon as more than `maxBytes` arrived or were announced.
   */
  body(maxBytes: number): Promise<Uint8Array>
}

export interface HttpHeaders {
  /** The value of a header by its lower-case name; repeated ones joined by `, `; `null` when absent. */
  get(name: string): string | null
  /** Lower-case name and value of every header line in the order sent, repeated ones apart. */
  entries(): Iterable<readonly [name: string, value: string]>
}

export interface HttpReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Not sent in answer to HEAD, but its length is announced. */
  readonly body: string | Uint8Array | null
}
