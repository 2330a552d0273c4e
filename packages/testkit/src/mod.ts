// The contract suites need vitest, so they are imported by their own paths: `@hocket/testkit/contracts/backplane`.
export { createNetwork, type Network, type NetworkOptions } from './network.ts'
export { createRandom, type Random } from './random.ts'
