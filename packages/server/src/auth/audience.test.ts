import { describe, expect, it } from 'vitest'
import { AudienceMismatch, clientAudience, matchesAudience, originsOf, parseOrigin, restAudience } from './audience.ts'

const listening = ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080']
const rest = (
  aud: unknown,
  path: string,
  { host = 'localhost:8080' as string | null, endpoints = [] as string[] } = {},
) => matchesAudience(aud, restAudience(originsOf(endpoints, listening, host), path))
const client = (aud: unknown, hub: string, { query = false, endpoints = [] as string[], host = 'h.example' } = {}) =>
  matchesAudience(aud, clientAudience(originsOf(endpoints, listening, host), hub, query))

describe('the audience of a REST call', () => {
  const path = '/api/hubs/chat/groups/g1/:send'
  const at = 'http://localhost:8080'

  it.each([
    ['the URL without a query', `${at}${path}`],
    ['the URL with a query', `${at}${path}?api-version=2024-12-01&excluded=a`],
    ['a trailing slash', `${at}${path}/`],
    ['a trailing slash and a query', `${at}${path}/?x=1`],
    ['https', `https://localhost:8080${path}`],
    ['ws', `ws://localhost:8080${path}`],
    ['wss', `WSS://localhost:8080${path}`],
    ['a host in capitals', `http://LOCALHOST:8080${path}`],
    ['the address as IPv4', `http://127.0.0.1:8080${path}`],
    ['the address as IPv6', `http://[::1]:8080${path}`],
    ['an escaped colon', `${at}/api/hubs/chat/groups/g1/%3Asend`],
    ['an escape of a plain letter', `${at}/api/hubs/%63hat/groups/g1/:send`],
    ['an array with one that fits', ['https://elsewhere/x', `${at}${path}`, 7]],
    ['a double slash behind the host (Java)', `${at}/${path}`],
  ])('is right with %s', (_, aud) => {
    expect(rest(aud, path)).toBe(true)
  })

  it.each([
    ['another scheme', `ftp://localhost:8080${path}`],
    ['no scheme', `localhost:8080${path}`],
    ['another host', `http://example.com:8080${path}`],
    ['another port', `http://localhost:8081${path}`],
    ['no port', `http://localhost${path}`],
    ['a user name before the host', `http://localhost:8080@localhost:8080${path}`],
    ['a path that goes on', `${at}${path}Suffix`],
    ['a child of the path', `${at}${path}/child`],
    ['a parent of the path', `${at}/api/hubs/chat/groups/g1`],
    ['the origin only', at],
    ['a path in another case', `${at}/api/hubs/chat/groups/G1/:send`],
    ['a doubly encoded query mark', `${at}${path}%253Fquery`],
    ['an encoded query mark', `${at}${path}%3Fquery`],
    ['nothing', ''],
    ['no audience', undefined],
    ['a number', 7],
    ['an object', { aud: `${at}${path}` }],
    ['an empty array', []],
    ['a nested array', [[`${at}${path}`]]],
    ['a client URL', `${at}/client/hubs/chat`],
    ['a backslash for a slash', `http:\\\\localhost:8080${path}`],
    ['a space in front', ` ${at}${path}`],
  ])('is wrong with %s', (_, aud) => {
    expect(rest(aud, path)).toBe(false)
  })

  it('may be spelled with other escapes than the request, as Python aio does', () => {
    const signed = `${at}/api/hubs/chat/groups/${encodeURIComponent("$a&b'c*d;e=f:g@h")}/:send`
    expect(rest(signed, "/api/hubs/chat/groups/$a&b'c*d;e=f:g@h/:send")).toBe(true)
    expect(rest(signed, '/api/hubs/chat/groups/$a&b/:send')).toBe(false)
  })

  it.each(['a%2Fb', '%E7%BE%A4%20x', 'a+b', 'chat%5B1%5D', '100%25', 'a%252Fb', '%F0%9F%98%80'])(
    'fits a request of the same spelling: %s',
    (name) => {
      expect(rest(`${at}/api/hubs/h/groups/${name}/:send?api-version=x`, `/api/hubs/h/groups/${name}/:send`)).toBe(true)
    },
  )

  it('compares malformed escapes as they are', () => {
    expect(rest(`${at}/api/hubs/h/groups/%zz`, '/api/hubs/h/groups/%zz')).toBe(true)
    expect(rest(`${at}/api/hubs/h/groups/%ff`, '/api/hubs/h/groups/%fe')).toBe(false)
  })

  it('decodes once, so that a doubly encoded name is another name', () => {
    expect(rest(`${at}/api/hubs/h/groups/a%252Fb`, '/api/hubs/h/groups/a%2Fb')).toBe(false)
    expect(rest(`${at}/api/hubs/h/groups/a%2Fb`, '/api/hubs/h/groups/a%252Fb')).toBe(false)
  })

  it('does not take a slash in a name for one that separates segments', () => {
    // A token for a group named "g/connections/c" must not reach the connection c of the group g.
    expect(rest(`${at}/api/hubs/h/groups/g%2Fconnections%2Fc`, '/api/hubs/h/groups/g/connections/c')).toBe(false)
    expect(rest(`${at}/api/hubs/h/groups/g/connections/c`, '/api/hubs/h/groups/g%2Fconnections%2Fc')).toBe(false)
  })

  it('ignores dots in paths: nothing is resolved', () => {
    expect(rest(`${at}/api/hubs/h/x/../:send`, '/api/hubs/h/:send')).toBe(false)
  })
})

describe('the origin of an audience', () => {
  const path = '/api/health'

  it('is the Host header too while no public endpoint is set', () => {
    expect(rest('https://my.example/api/health', path, { host: 'my.example' })).toBe(true)
    expect(rest('https://my.example:443/api/health', path, { host: 'my.example' })).toBe(true)
    expect(rest('http://my.example:80/api/health', path, { host: 'MY.example' })).toBe(true)
    expect(rest('https://my.example/api/health', path, { host: 'my.example:443' })).toBe(true)
    expect(rest('http://my.example:9000/api/health', path, { host: 'my.example:9000' })).toBe(true)
    expect(rest('http://my.example:9000/api/health', path, { host: 'my.example' })).toBe(false)
    expect(rest('http://my.example/api/health', path, { host: null })).toBe(false)
  })

  it('is only the public endpoints once one is set', () => {
    const endpoints = ['https://a.example', 'https://b.example:8443/']
    expect(rest('https://a.example/api/health', path, { endpoints })).toBe(true)
    expect(rest('wss://a.example:443/api/health', path, { endpoints })).toBe(true)
    expect(rest('http://b.example:8443/api/health', path, { endpoints })).toBe(true)
    expect(rest('http://localhost:8080/api/health', path, { endpoints })).toBe(false)
    expect(rest('https://c.example/api/health', path, { endpoints, host: 'c.example' })).toBe(false)
  })

  it('includes the path prefix of a public endpoint', () => {
    const endpoints = ['https://h.example/Some/pre%20fix/']
    expect(rest('https://h.example/Some/pre%20fix/api/health', path, { endpoints })).toBe(true)
    expect(rest('https://h.example/some/pre fix/api/health?x', path, { endpoints })).toBe(true)
    expect(rest('https://h.example/Some/pre%20fix//api/health', path, { endpoints })).toBe(true)
    expect(rest('https://h.example/api/health', path, { endpoints })).toBe(false)
    expect(rest('https://h.example/Some/pre%20fixapi/health', path, { endpoints })).toBe(false)
    expect(rest('https://h.example/Other/pre%20fix/api/health', path, { endpoints })).toBe(false)
  })

  it('cannot be smuggled in through the Host header', () => {
    expect(rest('http://evil/x/api/health', path, { host: 'evil/x' })).toBe(false)
    expect(rest('http://evil/api/health', path, { host: 'evil?' })).toBe(false)
  })

  it('is read from an endpoint', () => {
    expect(parseOrigin('https://H.example:443/a/b/')).toEqual({
      url: 'https://H.example:443/a/b',
      host: 'h.example',
      prefix: ['a', 'b'],
    })
    expect(parseOrigin('example.com')).toBeNull()
    expect(parseOrigin('http://')).toBeNull()
    expect(parseOrigin('http://a:b:c')).toBeNull()
  })
})

describe('the audience of a client', () => {
  it.each([
    ['as JS signs it', 'https://h.example/client/hubs/Chat', 'Chat'],
    ['lower-cased by Python', 'https://h.example/client/hubs/chat', 'Chat'],
    ['escaped by Go', 'https://h.example/client/hubs/chat%5B1%5D', 'chat[1]'],
    ['unescaped, of an escaped URL', 'https://h.example/client/hubs/chat[1]', 'chat%5B1%5D'],
    ['with a trailing slash', 'http://h.example/client/hubs/chat/', 'chat'],
    ['over ws', 'wss://h.example/client/hubs/chat', 'chat'],
    ['with a query', 'http://h.example/client/hubs/chat?x=1', 'chat'],
  ])('is right %s', (_, aud, hub) => {
    expect(client(aud, hub)).toBe(true)
  })

  it.each([
    ['the slash is missing', 'https://h.exampleclient/hubs/chat'],
    ['the hub is another', 'https://h.example/client/hubs/otherhub'],
    ['the host is another', 'https://other.example/client/hubs/chat'],
    ['it is for MQTT', 'https://h.example/clients/mqtt/hubs/chat'],
    ['it is for REST', 'https://h.example/api/hubs/chat/:send'],
    ['it is the query form for a client that used the path', 'https://h.example/client?hub=chat'],
    ['it names no hub', 'https://h.example/client'],
    ['it goes on', 'https://h.example/client/hubs/chat/x'],
  ])('is wrong when %s', (_, aud) => {
    expect(client(aud, 'chat')).toBe(false)
  })

  it('may name the hub in the query when the client did', () => {
    const query = true
    expect(client('https://h.example/client?hub=Chat', 'chat', { query })).toBe(true)
    expect(client('https://h.example/client/?hub=chat&x=1', 'chat', { query })).toBe(true)
    expect(client('https://h.example/client/?hub=chat%5B1%5D', 'chat[1]', { query })).toBe(true)
    expect(client('https://h.example/client/hubs/chat', 'chat', { query })).toBe(true)
    expect(client('https://h.example/client?hub=other', 'chat', { query })).toBe(false)
    expect(client('https://h.example/client?hub=chat&hub=other', 'chat', { query })).toBe(false)
    expect(client('https://h.example/client', 'chat', { query })).toBe(false)
  })

  it('includes the prefix of a public endpoint, in the lower case of Python too', () => {
    const endpoints = ['https://h.example/Pre']
    expect(client('https://h.example/pre/client/hubs/chat', 'chat', { endpoints })).toBe(true)
    expect(client('https://h.example/client/hubs/chat', 'chat', { endpoints })).toBe(false)
  })
})

describe('what is logged of a mismatch', () => {
  it('names both sides, without queries and control characters', () => {
    const expected = restAudience(originsOf([], ['http://localhost:8080'], 'localhost:8080'), '/api/\nx')
    expect(new AudienceMismatch(['http://a/b?access_token=secret', 'c\u001b#d', 5], expected)).toEqual({
      expected: ['http://localhost:8080/api/\\u000ax'],
      found: ['http://a/b', 'c\\u001b'],
    })
  })

  it('is bounded', () => {
    const expected = restAudience(originsOf([], ['http://localhost:8080'], null), '/'.padEnd(5000, 'x'))
    const { expected: left, found } = new AudienceMismatch(new Array(50).fill('y'.repeat(5000)), expected)
    expect(found).toHaveLength(10)
    for (const line of [...left, ...found]) expect(line.length).toBeLessThan(520)
  })
})
