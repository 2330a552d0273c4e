import type { Envelope, Target } from '@hocket/protocol/message'
import type {
  Backplane,
  BackplaneCommand,
  BackplaneHandlers,
  BackplaneQuery,
  BackplaneRequest,
  ReplyTo,
} from '@hocket/server/internal'

/** The nodes that the backplane contract runs on; none of them started. */
export interface BackplaneCluster {
  readonly backplanes: readonly Backplane[]
  /** Stops a node without a farewell. Absent: cases with a crash are left out. */
  crash?(nodeId: string): void
  /** Cuts nodes of different groups from each other. Absent: cases with a partition are left out. */
  partition?(groups: readonly (readonly string[])[]): void
  heal?(): void
  /** Frees what the cluster holds beside its backplanes, which are closed before. */
  dispose?(): Promise<void>
}

export interface BackplaneClusterOptions {
  /** How long a live node has to answer, in milliseconds. */
  readonly requestTimeoutMs: number
}

export interface BackplaneContractSubject {
  /** How many nodes `create` gives. Cases that need more are left out. */
  readonly nodes: number
  /** Whether the clusters have `crash`, `partition` and `heal`. */
  readonly canFail: boolean
  create(options: BackplaneClusterOptions): BackplaneCluster | Promise<BackplaneCluster>
}

/** One node of a contract case: its backplane, and everything that its handlers were told. */
export class ContractNode implements BackplaneHandlers {
  readonly backplane: Backplane
  readonly nodeId: string
  /** Ids of envelopes, and commandIds or ops of requests, in the order in which their handlers started. */
  readonly started: string[] = []
  readonly envelopes: Envelope[] = []
  readonly requests: BackplaneRequest[] = []
  readonly lost: string[] = []
  readonly fences: (string | null)[] = []
  /** Answers requests; a case may replace it. */
  answer: (request: BackplaneRequest) => unknown = defaultReply
  /** Called with each change of the fence. */
  onFenced: (reason: string | null) => void = () => {}

  constructor(backplane: Backplane) {
    this.backplane = backplane
    this.nodeId = backplane.nodeId
  }

  envelope(envelope: Envelope): void {
    this.started.push(envelope.id)
    this.envelopes.push(envelope)
  }

  request<R extends BackplaneRequest>(request: R): ReplyTo<R> | Promise<ReplyTo<R>> {
    this.started.push('commandId' in request ? request.commandId : request.op)
    this.requests.push(request)
    return this.answer(request) as ReplyTo<R> | Promise<ReplyTo<R>>
  }

  nodeLost(nodeId: string): void {
    this.lost.push(nodeId)
  }

  fenced(reason: string | null): void {
    this.fences.push(reason)
    this.onFenced(reason)
  }
}

function defaultReply(request: BackplaneRequest): unknown {
  switch (request.op) {
    case 'join':
    case 'leave':
    case 'close':
      return { matched: 1 }
    case 'grant':
    case 'revoke':
      return { outcome: 'done' }
    case 'exists':
      return { found: true }
    case 'permission':
      return { held: true }
    case 'members':
      return { items: [], more: false }
  }
}

export const group = (name: string): Target => ({ kind: 'group', hub: 'chat', group: name })
export const connection = (connectionId: string): Target => ({ kind: 'connection', hub: 'chat', connectionId })

export function envelope(id: string, target: Target, data = id): Envelope {
  return {
    id,
    target,
    from: 'group',
    fromUserId: null,
    body: { dataType: 'text', data },
    excluded: [],
    filter: null,
    metadata: null,
    expiresAtMs: null,
  }
}

export const join = (commandId: string, scope: Target, name = 'g'): BackplaneCommand & { op: 'join' } => ({
  op: 'join',
  commandId,
  scope,
  groups: [name],
  filter: null,
})

export const exists = (scope: Target): BackplaneQuery & { op: 'exists' } => ({ op: 'exists', scope })

/** By now `to` has handled everything that `from` published or asked before: both share one FIFO. */
export async function caughtUp(from: ContractNode): Promise<void> {
  await from.backplane.request(exists(group('caught-up')))
}
