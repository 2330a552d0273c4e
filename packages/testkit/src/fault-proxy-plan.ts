/** What goes wrong, and when: a plan that follows from a seed alone, never from how fast a machine is. */

import { createRandom, type Random } from './random.ts'

export type Direction = 'toServer' | 'toClient'

export type Fault =
  /** Both sockets end at once: with RST, or with FIN and no close frame. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'fin' }
  /** The next frame in that direction is passed on in part, then both sockets end. */
  | { readonly kind: 'cut'; readonly direction: Direction; readonly fraction: number; readonly ending: 'reset' | 'fin' }
  /** Every chunk is that much late, in both directions. */
  | { readonly kind: 'delay'; readonly latencyMs: number; readonly durationMs: number }
  /** One direction stops, the other one goes on. Both ends believe in the connection. */
  | {
      readonly kind: 'half-open'
      readonly direction: Direction
      readonly durationMs: number
      readonly outcome: 'resume' | 'reset'
    }
  /**
   * One end is reset, and the other one keeps a socket that nobody answers, until that is reset as well. A client that
   * lost its end recovers while the server still believes in the old socket; a server that lost it waits for a client
   * that knows nothing.
   */
  | { readonly kind: 'one-sided'; readonly side: 'client' | 'server'; readonly durationMs: number }
  /** Nothing passes, closes included, until it resumes (with everything held back) or ends with RST. */
  | { readonly kind: 'black-hole'; readonly durationMs: number; readonly outcome: 'resume' | 'reset' }

export interface PlannedFault {
  /** Milliseconds since the socket was accepted. */
  readonly afterMs: number
  readonly fault: Fault
}

/** A time in which every socket of a client is reset, and every new one soon after it was accepted. */
export interface Outage {
  /** Milliseconds since the faults began. */
  readonly fromMs: number
  readonly untilMs: number
}

export interface FaultProfile {
  /** Mean time between two faults of one socket, in milliseconds. Default 700. */
  readonly meanMsBetweenFaults: number
  /** Longest half-open time and black hole, in milliseconds; at most 5000. Default 2500. */
  readonly maxStallMs: number
  /** Largest added latency, in milliseconds. Default 120. */
  readonly maxLatencyMs: number
  /** Share of sockets that meet a fault while they connect, 0 to 1. Default 0.2. */
  readonly handshakeFaultChance: number
  /** Outages of each client, besides the one that all share. Default 1. */
  readonly outages: number
  /** Shortest and longest outage, in milliseconds. Default 100 to 1500. */
  readonly outageMs: readonly [shortest: number, longest: number]
}

export const defaultFaultProfile: FaultProfile = {
  meanMsBetweenFaults: 700,
  maxStallMs: 2_500,
  maxLatencyMs: 120,
  handshakeFaultChance: 0.2,
  outages: 1,
  outageMs: [100, 1_500],
}

/** Some twice, since they should come twice as often. */
const kinds = [
  ...(['reset', 'fin', 'cut', 'cut', 'delay', 'delay'] as const),
  ...(['half-open', 'one-sided', 'one-sided', 'black-hole'] as const),
]
const longestStallMs = 5_000
const mostFaults = 8

/** The faults of the `ordinal`th socket of `client`, in order. The last one, if it is final, ends the socket. */
export function planSocket(seed: number, client: string, ordinal: number, profile: FaultProfile): PlannedFault[] {
  const random = createRandom(mix(seed, `${client}/${ordinal}`))
  const plan: PlannedFault[] = []
  let afterMs = 0
  if (random.chance(profile.handshakeFaultChance)) {
    const fault = handshakeFault(random, profile)
    // Not before 5 ms: the official Python client loses its wake-up when a connection fails at once.
    if (fault.kind === 'reset' || fault.kind === 'fin') afterMs = 5 + random.int(20)
    plan.push({ afterMs, fault })
    if ('durationMs' in fault) afterMs += fault.durationMs
  }
  while (plan.length < mostFaults && !isFinal(plan.at(-1)?.fault)) {
    afterMs += Math.round(-Math.log(1 - random.next()) * profile.meanMsBetweenFaults)
    const fault = anyFault(random, profile)
    plan.push({ afterMs, fault })
    if ('durationMs' in fault) afterMs += fault.durationMs
  }
  return plan
}

/** The outages of `client` within `durationMs`: its own, and the one that all clients of the seed share. */
export function planOutages(seed: number, client: string, durationMs: number, profile: FaultProfile): Outage[] {
  const draw = (random: Random): Outage => {
    const [shortest, longest] = profile.outageMs
    const fromMs = random.int(Math.max(1, durationMs))
    return { fromMs, untilMs: fromMs + shortest + random.int(Math.max(1, longest - shortest)) }
  }
  const own = createRandom(mix(seed, `${client}/outages`))
  const outages = Array.from({ length: profile.outages }, () => draw(own))
  const shared = createRandom(mix(seed, 'outage of all'))
  if (shared.chance(0.25)) outages.push(draw(shared))
  return outages.sort((a, b) => a.fromMs - b.fromMs)
}

/** One line that says what a fault does. */
export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case 'reset':
    case 'fin':
      return fault.kind
    case 'cut':
      return `cut inside a frame ${fault.direction}, then ${fault.ending}`
    case 'delay':
      return `delay of ${fault.latencyMs} ms for ${fault.durationMs} ms`
    case 'half-open':
      return `nothing ${fault.direction} for ${fault.durationMs} ms, then ${fault.outcome}`
    case 'one-sided':
      return `only the ${fault.side} is reset, the other end ${fault.durationMs} ms later`
    case 'black-hole':
      return `black hole for ${fault.durationMs} ms, then ${fault.outcome}`
    default:
      return fault satisfies never
  }
}

function anyFault(random: Random, profile: FaultProfile): Fault {
  const kind = random.pick(kinds)
  switch (kind) {
    case 'reset':
    case 'fin':
      return { kind }
    case 'cut':
      return cut(random)
    case 'delay':
      return { kind, latencyMs: 1 + random.int(profile.maxLatencyMs), durationMs: 100 + random.int(900) }
    case 'half-open':
      return {
        kind,
        direction: anyDirection(random),
        durationMs: stallMs(random, profile),
        outcome: anyOutcome(random),
      }
    case 'one-sided':
      return { kind, side: random.pick(['client', 'server'] as const), durationMs: stallMs(random, profile) }
    case 'black-hole':
      return { kind, durationMs: stallMs(random, profile), outcome: anyOutcome(random) }
    default:
      return kind satisfies never
  }
}

function handshakeFault(random: Random, profile: FaultProfile): Fault {
  const kind = random.pick(['reset', 'fin', 'cut', 'black-hole', 'black-hole'] as const)
  if (kind === 'cut') return cut(random)
  if (kind === 'black-hole') return { kind, durationMs: stallMs(random, profile), outcome: anyOutcome(random) }
  return { kind }
}

function cut(random: Random): Fault {
  return {
    kind: 'cut',
    direction: anyDirection(random),
    fraction: random.next(),
    ending: random.pick(['reset', 'fin'] as const),
  }
}

function stallMs(random: Random, profile: FaultProfile): number {
  return 50 + random.int(Math.max(1, Math.min(longestStallMs, profile.maxStallMs) - 50))
}

function anyDirection(random: Random): Direction {
  return random.pick(['toServer', 'toClient'] as const)
}

function anyOutcome(random: Random): 'resume' | 'reset' {
  return random.pick(['resume', 'reset'] as const)
}

function isFinal(fault: Fault | undefined): boolean {
  if (fault === undefined || fault.kind === 'delay') return false
  return !('outcome' in fault) || fault.outcome === 'reset'
}

/** A seed of its own for every name (FNV-1a). */
function mix(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ Math.imul(seed + 1, 0x9e3779b1)) >>> 0
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0
}
