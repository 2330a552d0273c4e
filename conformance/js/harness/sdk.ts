/** The official packages as their users use them: no patch, only public options; every token is noted for the log search. */

import { type HubSendToAllOptions, WebPubSubServiceClient, type WebPubSubServiceClientOptions } from '@azure/web-pubsub'
import {
  type OnConnectedArgs,
  type OnDisconnectedArgs,
  type OnGroupDataMessageArgs,
  type OnRejoinGroupFailedArgs,
  type OnServerDataMessageArgs,
  WebPubSubClient,
  type WebPubSubClientOptions,
  WebPubSubJsonProtocol,
  WebPubSubJsonReliableProtocol,
} from '@azure/web-pubsub-client'
import { until } from '@hocket/testkit/wait'
import { RawClient, type RawOptions } from './raw-client.ts'
import type { Target } from './server.ts'

/** Both protocols of the client package, for `describe.each`. */
export const clientProtocols = [
  ['reliable JSON', WebPubSubJsonReliableProtocol],
  ['JSON', WebPubSubJsonProtocol],
] as const

export const allRoles = ['webpubsub.joinLeaveGroup', 'webpubsub.sendToGroup']

type AdditionalPolicies = NonNullable<WebPubSubServiceClientOptions['additionalPolicies']>

/** What a service client is built with: plain http allowed, and no retry, so that every answer is the first answer. */
export function serviceOptions(target: Pick<Target, 'secrets'>): WebPubSubServiceClientOptions {
  const noteToken: AdditionalPolicies[number] = {
    position: 'perCall',
    policy: {
      name: 'noteToken',
      async sendRequest(request, next) {
        try {
          return await next(request)
        } finally {
          target.secrets.add(request.headers.get('Authorization')?.replace(/^Bearer /, ''), 'REST token')
        }
      },
    },
  }
  return { allowInsecureConnection: true, retryOptions: { maxRetries: 0 }, additionalPolicies: [noteToken] }
}

export function serviceClient(
  target: Pick<Target, 'connectionString' | 'secrets'>,
  hub: string,
  options: WebPubSubServiceClientOptions = {},
): WebPubSubServiceClient {
  return new WebPubSubServiceClient(target.connectionString, hub, { ...serviceOptions(target), ...options })
}

/** The status of the answer to one call; a refused call rejects as usual. */
export async function statusOf(
  call: (options: Required<Pick<HubSendToAllOptions, 'onResponse'>>) => Promise<unknown>,
): Promise<number> {
  let status = 0
  await call({
    onResponse: (response) => {
      status = response.status
    },
  })
  return status
}

export interface Refusal {
  readonly name: string
  readonly statusCode: number
  /** What the SDK read from the body. */
  readonly code: string | undefined
  readonly message: string
  /** The header, where the SDK's user finds the code of a validation error. */
  readonly headerCode: string | undefined
  readonly contentType: string | undefined
}

/** The RestError that a call ends in. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  try {
    await call
  } catch (error) {
    const { name, statusCode, code, message, response } = error as {
      name: string
      statusCode: number
      code?: string
      message: string
      response?: { headers: { get(name: string): string | undefined } }
    }
    if (name !== 'RestError') throw error
    return {
      name,
      statusCode,
      code,
      message,
      headerCode: response?.headers.get('x-ms-error-code'),
      contentType: response?.headers.get('content-type'),
    }
  }
  throw new Error('the call was accepted')
}

export type TokenOptions = NonNullable<Parameters<WebPubSubServiceClient['getClientAccessToken']>[0]>

/** A client URL that the service package signed. */
export async function clientUrl(
  target: Pick<Target, 'secrets'>,
  service: WebPubSubServiceClient,
  options: TokenOptions = {},
) {
  const { url } = await service.getClientAccessToken(options)
  target.secrets.addUrl(url)
  return url
}

/** Opens a raw client with a token that the service package signed; `query` is appended to its URL. */
export async function openRaw(
  target: Target,
  service: WebPubSubServiceClient,
  options: TokenOptions & RawOptions & { readonly query?: string } = {},
): Promise<RawClient> {
  const { protocols, headers, query, ...token } = options
  const url = await clientUrl(target, service, token)
  return RawClient.open(query === undefined ? url : `${url}&${query}`, {
    secrets: target.secrets,
    ...(protocols === undefined ? {} : { protocols }),
    ...(headers === undefined ? {} : { headers }),
  })
}

/** An official client together with everything it told its listeners. */
export class SdkClient implements AsyncDisposable {
  readonly client: WebPubSubClient
  readonly connected: OnConnectedArgs[] = []
  readonly disconnected: OnDisconnectedArgs[] = []
  readonly groupMessages: OnGroupDataMessageArgs['message'][] = []
  readonly serverMessages: OnServerDataMessageArgs['message'][] = []
  readonly rejoinFailures: OnRejoinGroupFailedArgs[] = []
  stops = 0
  readonly #secrets: Target['secrets']

  /** Listeners are in place before the connection starts: what comes early is not missed. */
  constructor(
    target: Pick<Target, 'secrets'>,
    source: string | (() => Promise<string>),
    options: WebPubSubClientOptions,
  ) {
    this.#secrets = target.secrets
    if (typeof source === 'string') target.secrets.addUrl(source)
    this.client = new WebPubSubClient({ getClientAccessUrl: source }, options)
    this.client.on('connected', (event) => {
      this.connected.push(event)
      this.#noteReconnectionToken()
    })
    this.client.on('disconnected', (event) => this.disconnected.push(event))
    this.client.on('group-message', (event) => this.groupMessages.push(event.message))
    this.client.on('server-message', (event) => this.serverMessages.push(event.message))
    this.client.on('rejoin-group-failed', (event) => this.rejoinFailures.push(event))
    this.client.on('stopped', () => this.stops++)
  }

  get connectionId(): string {
    const id = this.connected.at(-1)?.connectionId
    if (id === undefined) throw new Error('the client has not been connected yet')
    return id
  }

  /** Starts the client and waits for its `connected` event; the package itself resolves as soon as the socket is open. */
  async start(): Promise<this> {
    const before = this.connected.length
    await this.client.start()
    await until(() => this.connected.length > before, { what: 'the connected event' })
    return this
  }

  async groupMessagesUntil(count: number, timeoutMs = 10_000): Promise<OnGroupDataMessageArgs['message'][]> {
    await until(() => this.groupMessages.length >= count, { what: `${count} group messages`, timeoutMs })
    return this.groupMessages
  }

  async serverMessagesUntil(count: number, timeoutMs = 10_000): Promise<OnServerDataMessageArgs['message'][]> {
    await until(() => this.serverMessages.length >= count, { what: `${count} server messages`, timeoutMs })
    return this.serverMessages
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#noteReconnectionToken()
    if (this.stops > 0) return
    this.client.stop()
    // In released versions a client that is stopped while it reconnects may go on; nothing waits for that here.
    await until(() => this.stops > 0, { what: 'the client stops', timeoutMs: 3000 }).catch(() => {})
  }

  /** The package keeps the token to itself; it is read (not changed) so that the server's log can be searched for it. */
  #noteReconnectionToken(): void {
    this.#secrets.add(Reflect.get(this.client, '_reconnectionToken') as string | undefined, 'reconnection token')
  }
}

export interface OpenSdkOptions extends WebPubSubClientOptions {
  readonly token?: TokenOptions
  /** Changes the signed URL, for example to go through a proxy. */
  readonly via?: (url: string) => string
}

/** An official client that is connected. It asks the service package for a fresh URL each time it connects. */
export async function openSdk(
  target: Target,
  service: WebPubSubServiceClient,
  options: OpenSdkOptions = {},
): Promise<SdkClient> {
  const { token, via, ...clientOptions } = options
  const source = async () => {
    const url = await clientUrl(target, service, token ?? { roles: allRoles })
    return via === undefined ? url : via(url)
  }
  return new SdkClient(target, source, clientOptions).start()
}
