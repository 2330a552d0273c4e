/** What `hocket serve` prints when it listens: where, how to connect, and what to paste to try it. */

export interface BannerFacts {
  /** Where it listens: `http://localhost:8080`. */
  readonly listening: string
  /** How others reach it; the same, unless a public endpoint is configured. */
  readonly endpoint: string
  readonly accessKey: string
  readonly isDevelopmentKey: boolean
  /** Print a key of the operator's own as well. */
  readonly showKey: boolean
  /** A client URL with a token in it; printed with the development key only. */
  readonly clientUrl: string
  /** How to call this program: `npx hocket`. */
  readonly command: string
}

/** The banner, without a line break at its end. Lines to paste start in the first column. */
export function banner(facts: BannerFacts): string {
  return [
    `Hocket listens on ${facts.listening}`,
    ...(facts.isDevelopmentKey ? development(facts) : ownKey(facts)),
  ].join('\n')
}

function development(facts: BannerFacts): string[] {
  const { endpoint, clientUrl, command } = facts
  const connectionString = format(endpoint, facts.accessKey)
  const server = endpoint === 'http://localhost:8080' ? '' : ` --endpoint ${endpoint}`
  const insecure = endpoint.startsWith('http:') ? ', { allowInsecureConnection: true }' : ''
  return [
    '',
    'Connection string. Its key is public: for development, and on this machine only.',
    connectionString,
    '',
    'Client URL: hub chat, user demo, may join groups and send to them, good for 60 minutes.',
    clientUrl,
    '',
    'Try it in three lines. Shell, the first line in a terminal of its own:',
    `${command} watch --hub chat --group g1${server}`,
    `${command} send --hub chat --group g1 "hello"${server}`,
    `${command} token --hub chat --user alice --role webpubsub.joinLeaveGroup${server}`,
    '',
    'Python (pip install azure-messaging-webpubsubservice):',
    'from azure.messaging.webpubsubservice import WebPubSubServiceClient',
    `service = WebPubSubServiceClient.from_connection_string("${connectionString}", hub="chat")`,
    'service.send_to_all("hello from Python", content_type="text/plain")',
    '',
    'JavaScript (npm install @azure/web-pubsub):',
    "const { WebPubSubServiceClient } = await import('@azure/web-pubsub')",
    `const service = new WebPubSubServiceClient('${connectionString}', 'chat'${insecure})`,
    "await service.sendToAll('hello from JavaScript', { contentType: 'text/plain' })",
    '',
    'Ctrl-C stops it.',
  ]
}

function ownKey(facts: BannerFacts): string[] {
  const { endpoint, command, showKey } = facts
  return [
    '',
    `Connection string.${showKey ? '' : ' The key is left out; --show-key prints it, and … stands for the one you configured.'}`,
    format(endpoint, showKey ? facts.accessKey : '…'),
    '',
    'Try it: set AZURE_WEBPUBSUB_CONNECTION_STRING to the whole string, then',
    `${command} watch --hub chat --group g1`,
    `${command} send --hub chat --group g1 "hello"`,
    `${command} token --hub chat --user alice --role webpubsub.joinLeaveGroup`,
    '',
    'Ctrl-C stops it.',
  ]
}

function format(endpoint: string, key: string): string {
  return `Endpoint=${endpoint};AccessKey=${key};Version=1.0;`
}
