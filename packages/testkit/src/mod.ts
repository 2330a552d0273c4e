// The contract suites need vitest, so they are imported by their own paths: `@hocket/testkit/contracts/backplane`.

export { FaultProxy, type FaultProxyOptions } from './fault-proxy.ts'
export { createNetwork, type Network, type NetworkOptions } from './network.ts'
export { createRandom, type Random } from './random.ts'
export { nodeExecutable, type ServerProcess, type ServerProcessOptions, startServerProcess } from './server.ts'
export { type UntilOptions, until, within } from './wait.ts'
