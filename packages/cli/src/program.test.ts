import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { developmentKey } from '@hocket/server/internal'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hocket } from './testing.ts'

const key = 'a-key-of-our-own-which-is-long-enough-0001'

function claimsOf(url: string): Record<string, unknown> {
  const payload = new URL(url).searchParams.get('access_token')?.split('.')[1] ?? ''
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
}

describe('the command line', () => {
  it('lists its commands, and every option of the server', async () => {
    const { code, out } = await hocket(['--help'])
    expect(code).toBe(0)
    for (const name of ['serve', 'token', 'send', 'watch', 'check-config']) expect(out).toContain(name)
    const serve = await hocket(['serve', '--help'])
    for (const flag of [
      '--port <number>',
      '--access-key-file <path>',
      '--strict-hub-names [boolean]',
      '--config <file>',
      'HOCKET_HUBS',
    ]) {
      expect(serve.out).toContain(flag)
    }
    expect(serve.out).not.toContain(developmentKey)
  })

  it('prints its version', async () => {
    expect((await hocket(['--version'])).out).toMatch(/^\d+\.\d+\.\d+/)
  })

  it.each([
    ['an unknown command', ['sevre'], 'Did you mean serve?'],
    ['an unknown flag', ['serve', '--prot', '1'], 'Did you mean --port?'],
    ['a missing hub', ['token'], "required option '--hub <name>' not specified"],
    ['a missing text', ['send', '--hub', 'chat'], "missing required argument 'text'"],
    ['two receivers', ['send', '--hub', 'c', '--group', 'g', '--user', 'u', 'x'], 'cannot be used with option'],
    ['minutes that are none', ['token', '--hub', 'c', '--minutes', 'x'], 'number of minutes above 0'],
    ['an endpoint that is none', ['token', '--hub', 'c', '--endpoint', 'localhost:8080'], 'is not an endpoint'],
    ['a broken connection string', ['token', '--hub', 'c', '--connection-string', 'x'], 'Invalid connection string'],
  ])('refuses %s with exit code 2', async (_, args, message) => {
    const { code, out, err } = await hocket(args)
    expect(err).toContain(message)
    expect(code).toBe(2)
    expect(out).toBe('')
  })
})

describe('token', () => {
  it('prints a client URL for local development', async () => {
    const { code, out } = await hocket(['token', '--hub', 'chat'])
    expect(code).toBe(0)
    expect(out).toMatch(/^ws:\/\/localhost:8080\/client\/hubs\/chat\?access_token=[\w.-]+$/)
    const claims = claimsOf(out)
    expect(claims.aud).toBe('http://localhost:8080/client/hubs/chat')
    expect(Number(claims.exp) - Number(claims.iat)).toBe(3600)
    expect(claims).not.toHaveProperty('sub')
  })

  it('puts user, roles, groups and lifetime in the token', async () => {
    const { out } = await hocket([
      ...['token', '--hub', 'chat', '--user', 'alice', '--minutes', '5'],
      ...[
        '--role',
        'webpubsub.joinLeaveGroup',
        '--role',
        'webpubsub.sendToGroup.g1',
        '--group',
        'g1',
        '--group',
        'g 2',
      ],
    ])
    const claims = claimsOf(out)
    expect(claims).toMatchObject({
      sub: 'alice',
      role: ['webpubsub.joinLeaveGroup', 'webpubsub.sendToGroup.g1'],
      'webpubsub.group': ['g1', 'g 2'],
    })
    expect(Number(claims.exp) - Number(claims.iat)).toBe(300)
  })

  it('takes the server from the flag, then from the environment, and the endpoint from its own flag', async () => {
    const env = { AZURE_WEBPUBSUB_CONNECTION_STRING: `Endpoint=https://env.example;AccessKey=${key};Version=1.0;` }
    const text = `Endpoint=https://flag.example/prefix/;AccessKey=${key};Version=1.0;`
    expect((await hocket(['token', '--hub', 'h'], env)).out).toMatch(/^wss:\/\/env\.example\/client\/hubs\/h\?/)
    const flagged = await hocket(['token', '--hub', 'h', '--connection-string', text], env)
    expect(flagged.out).toMatch(/^wss:\/\/flag\.example\/prefix\/client\/hubs\/h\?/)
    const moved = await hocket(['token', '--hub', 'h', '--endpoint', 'http://localhost:9/'], env)
    expect(moved.out).toMatch(/^ws:\/\/localhost:9\/client\/hubs\/h\?/)
  })

  it('never says the key', async () => {
    const text = `Endpoint=ftp://x;AccessKey=${key}`
    const { out, err } = await hocket(['token', '--hub', 'h', '--connection-string', text])
    expect(out + err).not.toContain(key)
  })
})

describe('send', () => {
  let server: Server
  let endpoint: string
  let answer: { status: number; body: string; headers?: Record<string, string> }
  let seen: { method: string; url: string; headers: IncomingHttpHeaders; body: string } | null

  beforeEach(async () => {
    answer = { status: 202, body: '' }
    seen = null
    server = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      seen = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body }
      response.writeHead(answer.status, answer.headers).end(answer.body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`
  })
  afterEach(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  const sendTo = (...args: string[]) =>
    hocket(['send', '--endpoint', endpoint, '--hub', 'my hub', ...args], {}, 'from stdin\n')

  it.each([
    [[], '/api/hubs/my%20hub/:send', 'hub my hub'],
    [['--group', 'a/b ü'], '/api/hubs/my%20hub/groups/a%2Fb%20%C3%BC/:send', 'group a/b ü of hub my hub'],
    [['--user', 'u1'], '/api/hubs/my%20hub/users/u1/:send', 'user u1 of hub my hub'],
    [['--connection', 'c1'], '/api/hubs/my%20hub/connections/c1/:send', 'connection c1 of hub my hub'],
  ])('calls the operation of its receiver: %j', async (args, path, receiver) => {
    const { code, out, err } = await sendTo(...args, 'hello')
    expect({ code, out, err }).toEqual({ code: 0, out: '', err: `Accepted for ${receiver}.` })
    expect(seen?.method).toBe('POST')
    expect(seen?.url).toBe(`/x${path}?api-version=2024-12-01`)
    expect(seen?.body).toBe('hello')
    expect(seen?.headers['content-type']).toBe('text/plain')
    const token = seen?.headers.authorization?.replace('Bearer ', '') ?? ''
    expect(claimsOf(`http://x?access_token=${token}`).aud).toBe(`${endpoint}${path}`)
  })

  it('reads stdin for -, and takes another content type', async () => {
    expect((await sendTo('--content-type', 'application/octet-stream', '-')).code).toBe(0)
    expect(seen?.body).toBe('from stdin\n')
    expect(seen?.headers['content-type']).toBe('application/octet-stream')
  })

  it.each([
    [401, '', 'refuses the access key or the address (401)'],
    [404, '<html>', 'answers, but not as a Web PubSub service (404). It says: <html>'],
    [
      400,
      JSON.stringify({ message: 'Invalid hub name.\u001b[2J' }),
      'refuses (400). It says: Invalid hub name.\\u001b[2J',
    ],
    [429, '', 'too busy now, try again (429)'],
    [302, '', 'refuses (302)'],
  ])('says what a %i means, and exits with 1', async (status, body, message) => {
    answer = { status, body, headers: status === 302 ? { location: 'http://127.0.0.1:9/' } : {} }
    const { code, err } = await sendTo('hello')
    expect(err).toContain(message)
    expect(code).toBe(1)
  })

  it('says what to do when no server answers', async () => {
    const gone = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await new Promise<void>((resolve) => server.close(() => resolve()))
    const { code, err } = await hocket(['send', '--hub', 'chat', '--endpoint', gone, 'x'])
    expect(err).toContain(`No server answers at ${gone}. Start one with "hocket serve"`)
    expect(code).toBe(1)
    server = createServer().listen(0)
  })
})

describe('check-config', () => {
  let directory: string
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'hocket-cli-'))
  })
  afterAll(() => rmSync(directory, { recursive: true }))
  const check = (text: string, env = {}) => {
    const path = join(directory, 'hocket.yaml')
    writeFileSync(path, text)
    return hocket(['check-config', path], env)
  }

  it('lists the hubs of a valid file', async () => {
    const { code, out, err } = await check(
      'hubs:\n  Chat: { anonymousConnectPolicy: allow, eventHandlers: [{ urlTemplate: "http://x/{event}" }] }\n',
    )
    expect(code).toBe(0)
    expect(out.split('\n').slice(1)).toEqual([
      '  hub chat: anonymous clients allowed, ping every 20 s, 1 event handler',
      '  every other hub: anonymous clients denied, ping every 20 s',
    ])
    expect(err).toBe("Warning: hub 'Chat' has eventHandlers: this release checks them and does not call them.")
    expect((await check("hubs:\n  '*': { webSocketKeepAliveIntervalInSeconds: 5 }\n")).out).toContain(
      '  every other hub: anonymous clients denied, ping every 5 s',
    )
    expect((await check('port: 1')).out).toContain('  every hub: anonymous clients denied')
  })

  it('explains every mistake with its line and the nearest name, and exits with 1', async () => {
    const { code, out, err } = await check('prot: 1\nlogLevel: loud\n')
    expect(code).toBe(1)
    expect(out).toBe('')
    expect(err).toContain("hocket.yaml:1:1: unknown option 'prot', did you mean 'port'?")
    expect(err).toContain("hocket.yaml:2:1: logLevel: 'loud' is not allowed")
  })

  it('reads the environment as serve does', async () => {
    expect((await check('host: 0.0.0.0\n')).err).toContain('Set HOCKET_ACCESS_KEY to a key of your own')
    expect((await check('host: 0.0.0.0\n', { HOCKET_ACCESS_KEY: key })).code).toBe(0)
  })

  it('says when there is no such file', async () => {
    const { code, err } = await hocket(['check-config', join(directory, 'none.yaml')])
    expect(code).toBe(1)
    expect(err).toContain('there is no such file')
  })
})
