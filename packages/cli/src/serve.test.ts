import { spawnSync } from 'node:child_process'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { developmentKey } from '@hocket/server/internal'
import { describe, expect, it, vi } from 'vitest'
import { HocketProcess } from './testing.ts'

const key = 'a-key-of-our-own-which-is-long-enough-0001'
const root = fileURLToPath(new URL('../../../', import.meta.url))

async function started(args: readonly string[] = [], env: Record<string, string> = {}): Promise<HocketProcess> {
  const server = new HocketProcess(['serve', '--port', '0', ...args], env)
  await waitFor(() => {
    if (server.child.exitCode !== null) throw new Error(server.err)
    expect(server.out).toContain('Ctrl-C stops it.')
  })
  return server
}

const waitFor = (condition: () => void) => vi.waitFor(condition, { timeout: 15_000, interval: 20 })
const endpointOf = (server: HocketProcess) => /Endpoint=([^;]+);/.exec(server.out)![1]!
const linesAfter = (server: HocketProcess, heading: string) => {
  const lines = server.out.split('\n')
  const at = lines.findIndex((line) => line.startsWith(heading))
  return lines.slice(at + 1, lines.indexOf('', at))
}

/** A client that never answers a close, so that a drain takes as long as it may. */
function silentClient(server: HocketProcess): Promise<Socket> {
  const url = /^ws:\S+/m.exec(server.out)![0].replace(/^ws/, 'http')
  return new Promise((resolve, reject) => {
    request(url, {
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      },
    })
      .on('upgrade', (_, socket: Socket) => resolve(socket.on('error', () => {})))
      .on('error', reject)
      .end()
  })
}

describe('serve', () => {
  it('prints a connection string and a client URL that work, drains on SIGTERM and exits with 0', async () => {
    await using server = await started()
    expect(server.out).toContain(`AccessKey=${developmentKey};Version=1.0;`)
    const client = new WebSocket(/^ws:\S+/m.exec(server.out)![0], 'json.webpubsub.azure.v1')
    const frames: string[] = []
    const closed = new Promise<CloseEvent>((resolve) => client.addEventListener('close', resolve))
    client.addEventListener('message', ({ data }) => void frames.push(String(data)))
    await waitFor(() => expect(frames).toHaveLength(1))
    expect(JSON.parse(frames[0]!)).toMatchObject({ event: 'connected', userId: 'demo' })
    client.send('{"type":"joinGroup","group":"g","ackId":1}')
    client.send('{"type":"sendToGroup","group":"g","dataType":"text","data":"x","ackId":2}')
    await waitFor(() => expect(frames.filter((frame) => frame.includes('"success":true'))).toHaveLength(2))
    server.kill('SIGTERM')
    expect(await server.exited).toBe(0)
    expect((await closed).code).toBe(1001)
  })

  it('prints lines for shell and JavaScript that work when pasted', async () => {
    await using server = await started()
    const [watch, send, token] = linesAfter(server, 'Try it in three lines. Shell')
    const args = (line: string | undefined) =>
      line!
        .replace(/^.* -- /, '')
        .split(' ')
        .map((word) => word.replaceAll('"', ''))
    await using watcher = new HocketProcess(args(watch))
    await waitFor(() => expect(watcher.err).toContain('Connected to hub chat, in g1.'))

    const shell = (line: string | undefined) => spawnSync('sh', ['-c', line!], { cwd: root, encoding: 'utf8' })
    expect(shell(send)).toMatchObject({ status: 0, stderr: 'Accepted for group g1 of hub chat.\n' })
    await waitFor(() => expect(watcher.out).toContain('[group g1] hello\n'))
    expect(shell(token).stdout).toMatch(/^ws:\/\/localhost:\d+\/client\/hubs\/chat\?access_token=/)

    const program = linesAfter(server, 'JavaScript (').join('\n')
    const run = spawnSync(process.execPath, ['--input-type=module', '--eval', program], { cwd: root, encoding: 'utf8' })
    expect(run).toMatchObject({ status: 0, stderr: '' })
    await waitFor(() => expect(watcher.out).toContain('[server] hello from JavaScript\n'))
  })

  it('takes a Ctrl-C that arrives twice, as under npm, for one', async () => {
    await using server = await started()
    server.kill('SIGINT')
    server.kill('SIGINT')
    expect(await server.exited).toBe(0)
  })

  it('ends at once with 1 when a second signal follows during the drain', async () => {
    await using server = await started(['--shutdown-timeout-ms', '600000', '--close-timeout-ms', '600000'])
    const client = await silentClient(server)
    const startedAtMs = performance.now()
    server.kill('SIGTERM')
    await waitFor(() => {
      server.kill('SIGTERM')
      expect(server.child.exitCode).not.toBeNull()
    })
    expect(await server.exited).toBe(1)
    expect(performance.now() - startedAtMs).toBeGreaterThan(500)
    client.destroy()
  })

  it('prints neither a key of our own nor a token made with it, and logs neither', async () => {
    await using server = await started(['--log-level', 'trace'], { HOCKET_ACCESS_KEY: key })
    expect(server.out).toContain('AccessKey=…;Version=1.0;')
    const run = new HocketProcess(['send', '--hub', 'chat', 'x'], {
      AZURE_WEBPUBSUB_CONNECTION_STRING: `Endpoint=${endpointOf(server)};AccessKey=${key};`,
    })
    expect(await run.exited).toBe(0)
    server.kill('SIGTERM')
    await server.exited
    for (const text of [server.out, server.err, run.out, run.err]) {
      expect(text).not.toContain(key)
      expect(text).not.toContain('access_token')
      expect(text).not.toContain('eyJ')
    }
    await using shown = await started(['--show-key'], { HOCKET_ACCESS_KEY: key })
    expect(shown.out).toContain(`AccessKey=${key};`)
  })

  it('names the public endpoint in what it prints', async () => {
    await using server = await started(['--public-endpoints', 'https://realtime.example.com/x/'])
    expect(server.out).toContain('Endpoint=https://realtime.example.com/x;AccessKey=')
    expect(server.out).toContain('\nwss://realtime.example.com/x/client/hubs/chat?access_token=')
    expect(server.out).toMatch(/^Hocket listens on 127\.0\.0\.1.*, port \d+$/m)
  })

  it('exits with 1 and a sentence when the port is in use', async () => {
    await using server = await started()
    const { port } = new URL(endpointOf(server))
    await using second = new HocketProcess(['serve', '--port', port])
    expect(await second.exited).toBe(1)
    expect(second.err).toContain(
      `Port ${port} is in use already. Stop the program that listens there, or choose another port`,
    )
    expect(second.out).toBe('')
  })

  it('exits with 1 and a sentence when the machine has no such address', async () => {
    await using server = new HocketProcess(['serve', '--port', '0', '--host', '192.0.2.1'], { HOCKET_ACCESS_KEY: key })
    expect(await server.exited).toBe(1)
    expect(server.err).toContain('This machine has no address 192.0.2.1.')
  })

  it('exits with 2 and every mistake when the configuration is wrong', async () => {
    await using server = new HocketProcess(['serve', '--port', 'x', '--host', '0.0.0.0'], { HOCKET_LOG_LEVEL: 'loud' })
    expect(await server.exited).toBe(2)
    expect(server.err).toContain("--port: 'x' is not a whole number")
    expect(server.err).toContain("HOCKET_LOG_LEVEL: 'loud' is not allowed")
    expect(server.out).toBe('')
  })

  it('refuses the development key on an address that others can reach', async () => {
    await using server = new HocketProcess(['serve', '--port', '0', '--host', '0.0.0.0'])
    expect(await server.exited).toBe(2)
    expect(server.err).toContain('Set HOCKET_ACCESS_KEY to a key of your own')
    expect(server.err).not.toContain(developmentKey)
  })

  it('logs what is odd about the configuration, and serves', async () => {
    await using server = await started([], { HOCKET_PROT: '1' })
    expect(server.err).toContain("unknown variable 'HOCKET_PROT', did you mean 'HOCKET_PORT'? It is ignored.")
  })
})

describe('watch', () => {
  it('says when it is connected, prints messages, connects again after a restart, and exits with 0 on Ctrl-C', async () => {
    const first = await started()
    const endpoint = endpointOf(first)
    const sent = async (...args: string[]) => {
      await using run = new HocketProcess(['send', '--hub', 'chat', '--endpoint', endpoint, ...args])
      expect(await run.exited).toBe(0)
    }
    await using watcher = new HocketProcess([
      'watch',
      '--hub',
      'chat',
      '--user',
      'bob',
      '--group',
      'g1',
      '--group',
      'ü/2',
      '--endpoint',
      endpoint,
    ])
    await waitFor(() => expect(watcher.err).toContain('Connected to hub chat, in g1, ü/2.'))
    await sent('--group', 'ü/2', 'to the group')
    await sent('--user', 'bob', '--content-type', 'application/json', '{"n":9007199254740993}')
    await waitFor(() => expect(watcher.out).toBe('[group ü/2] to the group\n[server] {"n":9007199254740993}\n'))

    first.kill('SIGTERM')
    expect(await first.exited).toBe(0)
    await waitFor(() => expect(watcher.err).toMatch(/Disconnected \(1001.*Connecting again in \d/))
    await using second = new HocketProcess(['serve', '--port', new URL(endpoint).port])
    await waitFor(() => expect(watcher.err.match(/Connected to hub chat/g)).toHaveLength(2))
    await sent('again')
    await waitFor(() => expect(watcher.out).toContain('[server] again\n'))
    watcher.kill('SIGINT')
    expect(await watcher.exited).toBe(0)
    expect(second.child.exitCode).toBeNull()
  })

  it('prints frames as they came with --json', async () => {
    await using server = await started()
    await using watcher = new HocketProcess(['watch', '--hub', 'chat', '--json', '--endpoint', endpointOf(server)])
    await waitFor(() => expect(watcher.out.trim()).not.toBe(''))
    expect(JSON.parse(watcher.out)).toMatchObject({ type: 'system', event: 'connected' })
  })

  it('ends quietly when its reader does, as in a pipe to head', async () => {
    await using server = await started()
    await using watcher = new HocketProcess(['watch', '--hub', 'chat', '--endpoint', endpointOf(server)])
    await waitFor(() => expect(watcher.err).toContain('Connected'))
    watcher.child.stdout.destroy()
    await using run = new HocketProcess(['send', '--hub', 'chat', '--endpoint', endpointOf(server), 'x'])
    expect(await run.exited).toBe(0)
    expect(await watcher.exited).toBe(0)
    expect(watcher.err).not.toContain('EPIPE')
  })

  it('exits with 1 when the key is refused, and when there is no server', async () => {
    await using server = await started()
    const endpoint = endpointOf(server)
    await using refused = new HocketProcess([
      'watch',
      '--hub',
      'chat',
      '--connection-string',
      `Endpoint=${endpoint};AccessKey=${key}`,
    ])
    expect(await refused.exited).toBe(1)
    expect(refused.err).toContain('refuses the access key or the address (401)')
    expect(refused.err).not.toContain(key)
    server.kill('SIGTERM')
    await server.exited
    await using lonely = new HocketProcess(['watch', '--hub', 'chat', '--endpoint', endpoint])
    expect(await lonely.exited).toBe(1)
    expect(lonely.err).toContain(`No server answers at ${endpoint}.`)
  })

  it('exits with 1 when the server refuses the hub', async () => {
    await using server = await started()
    await using watcher = new HocketProcess(['watch', '--hub', '1 bad', '--endpoint', endpointOf(server)])
    expect(await watcher.exited).toBe(1)
    expect(watcher.err).toContain('refuses (400). It says: Invalid hub name.')
  })
})

describe('check-config', () => {
  it('runs as a process of its own', async () => {
    await using run = new HocketProcess(['check-config', fileURLToPath(new URL('none.yaml', import.meta.url))])
    expect(await run.exited).toBe(1)
    expect(run.err).toContain('there is no such file')
  })
})
