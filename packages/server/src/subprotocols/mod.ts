import type { Codec } from '@hocket/protocol/codec'
import { jsonCodec, jsonReliableCodec } from '@hocket/protocol/codec-json'

/** A wire language that clients can negotiate. */
export interface Subprotocol {
  readonly name: string
  readonly codec: Codec
  readonly reliable: boolean
}

/** Every subprotocol of the service, the one place that negotiation, metrics and docs read. */
export const subprotocols: readonly Subprotocol[] = [
  { name: 'json.webpubsub.azure.v1', codec: jsonCodec, reliable: false },
  { name: 'json.reliable.webpubsub.azure.v1', codec: jsonReliableCodec, reliable: true },
]

export interface Negotiated {
  readonly subprotocol: Subprotocol
  /** The name as the client spelled it: it compares without regard to its own case only with what it sent. */
  readonly spelling: string
}

/** What a client offered that the service speaks: the first such name in its own order. */
export function negotiate(offered: readonly string[]): Negotiated | null {
  for (const spelling of offered) {
    const name = spelling.toLowerCase()
    const subprotocol = subprotocols.find((candidate) => candidate.name === name)
    if (subprotocol !== undefined) return { subprotocol, spelling }
  }
  return null
}
