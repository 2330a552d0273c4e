import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HocketError } from '@hocket/protocol/errors'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ConfigSources, loadConfig } from './load.ts'
import { developmentKey } from './schema.ts'

const key = 'a-key-of-our-own-which-is-long-enough-0001'
let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hocket-config-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

function file(text: string, name = 'hocket.yaml'): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

function refusal(sources: ConfigSources): string {
  try {
    loadConfig(sources)
  } catch (error) {
    expect(error).toBeInstanceOf(HocketError)
    expect((error as HocketError).code).toBe('invalidConfig')
    return (error as HocketError).message
  }
  throw new Error('the configuration was accepted')
}

describe('where a value comes from', () => {
  it('takes the flag before the environment, the environment before the file, the file before the default', () => {
    const path = file('port: 1\nlogLevel: debug\nackWindowSize: 5\n')
    const { config } = loadConfig({
      flags: { port: '3' },
      env: { HOCKET_PORT: '2', HOCKET_LOG_LEVEL: 'warn' },
      file: path,
    })
    expect(config).toMatchObject({ port: 3, logLevel: 'warn', ackWindowSize: 5, keepAliveGraceMs: 5000 })
  })

  it('reads JSON, indented with tabs as well', () => {
    const path = file(
      JSON.stringify({ port: 1, hubs: { chat: { anonymousConnectPolicy: 'allow' } } }, null, '\t'),
      'c.json',
    )
    const { config } = loadConfig({ file: path })
    expect(config.port).toBe(1)
    expect(config.hubs.chat?.anonymousConnectPolicy).toBe('allow')
  })

  it('takes the path of the file from HOCKET_CONFIG when there is no flag', () => {
    expect(loadConfig({ env: { HOCKET_CONFIG: file('port: 7\n') } }).config.port).toBe(7)
  })

  it('accepts an empty file, a file of comments only, and options without a value', () => {
    expect(loadConfig({ file: file('') }).config.port).toBe(8080)
    expect(loadConfig({ file: file('# nothing\n') }).config.port).toBe(8080)
    expect(loadConfig({ file: file('port:\nhubs:\n  chat:\n') }).config).toMatchObject({
      port: 8080,
      hubs: { chat: { anonymousConnectPolicy: 'deny' } },
    })
  })

  it('treats an empty variable as not set', () => {
    expect(loadConfig({ env: { HOCKET_PORT: '', HOCKET_HOST: '' } }).config).toMatchObject({ port: 8080, host: null })
  })

  it('reads booleans, lists, choices and hubs from strings', () => {
    const { config } = loadConfig({
      flags: { strictHubNames: true, metricsHost: ['10.0.0.1', '10.1.0.0/16, ::1'] },
      env: {
        HOCKET_STRICT_PATH_DECODING: '1',
        HOCKET_PUBLIC_ENDPOINTS: 'https://a.example/x, http://b.example:8080,',
        HOCKET_LOG_LEVEL: 'DEBUG',
        HOCKET_HUBS: '{"chat":{"anonymousConnectPolicy":"allow"}}',
      },
    })
    expect(config).toMatchObject({
      strictHubNames: true,
      strictPathDecoding: true,
      metricsHost: ['10.0.0.1', '10.1.0.0/16', '::1'],
      publicEndpoints: ['https://a.example/x', 'http://b.example:8080'],
      logLevel: 'debug',
    })
    expect(config.hubs.chat?.anonymousConnectPolicy).toBe('allow')
  })
})

describe('keys', () => {
  it('reads a key from a file and takes one line break off its end', () => {
    const path = file(`${key}\r\n`, 'key')
    expect(loadConfig({ env: { HOCKET_ACCESS_KEY_FILE: path } }).config.accessKey).toBe(key)
    expect(loadConfig({ flags: { accessKeySecondaryFile: path } }).config.accessKeySecondary).toBe(key)
  })

  it('refuses a key that is set directly and in a file, and a file that is not there', () => {
    expect(refusal({ env: { HOCKET_ACCESS_KEY: key, HOCKET_ACCESS_KEY_FILE: file(key, 'key') } })).toBe(
      'Invalid configuration: HOCKET_ACCESS_KEY_FILE: is set beside HOCKET_ACCESS_KEY: set one of them',
    )
    expect(refusal({ env: { HOCKET_ACCESS_KEY_FILE: join(directory, 'none') } })).toContain('there is no such file')
  })

  it('lets a flag win over a variable, whichever form they have', () => {
    const path = file(key, 'key')
    const other = `${key}-2`
    expect(loadConfig({ flags: { accessKey: other }, env: { HOCKET_ACCESS_KEY_FILE: path } }).config.accessKey).toBe(
      other,
    )
    expect(loadConfig({ flags: { accessKeyFile: path }, env: { HOCKET_ACCESS_KEY: other } }).config.accessKey).toBe(key)
  })

  it.each([
    ['too short', 'secret-short'],
    ['with a semicolon', `${key};secret`],
    ['with a line break', `${key}\nsecret`],
    ['with outer white space', ` ${key}secret`],
  ])('refuses a key %s, and does not print it', (_, value) => {
    for (const sources of [
      { env: { HOCKET_ACCESS_KEY: value } },
      { flags: { accessKeySecondary: value } },
      { file: file(JSON.stringify({ accessKey: value })) },
    ]) {
      const message = refusal(sources)
      expect(message).toContain('has ')
      expect(message).not.toContain('secret')
    }
  })

  it('does not print a key that breaks the syntax of the file', () => {
    for (const text of [
      'accessKey: "secret" secret',
      'accessKey: *secret',
      'accessKey: !secret x',
      'accessKey: [secret',
    ]) {
      expect(refusal({ file: file(text) })).not.toContain('secret')
    }
    expect(refusal({ file: file('accessKey: 1234567890123456789012345678901234567890') })).toBe(
      'Invalid configuration: hocket.yaml:1:1: accessKey: the value is not text',
    )
  })

  it('refuses the development key where others can reach it, and says what to do', () => {
    for (const env of [{ HOCKET_HOST: '0.0.0.0' }, { HOCKET_HOST: '0.0.0.0', HOCKET_ACCESS_KEY: developmentKey }]) {
      const message = refusal({ env })
      expect(message).toContain('HOCKET_HOST: ')
      expect(message).toContain('Set HOCKET_ACCESS_KEY to a key of your own')
      expect(message).not.toContain(developmentKey)
    }
    expect(refusal({ flags: { host: '::', accessKey: key, accessKeySecondary: developmentKey } })).toContain(
      '--access-key-secondary: is the public development key',
    )
  })

  it('accepts any host with a key of our own, and loopback with the development key', () => {
    expect(loadConfig({ flags: { host: '0.0.0.0', accessKey: key } }).config.host).toBe('0.0.0.0')
    for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1']) {
      expect(loadConfig({ flags: { host } }).config.host).toBe(host)
    }
  })
})

describe('mistakes', () => {
  it('lists all of them, each with its line and the nearest name', () => {
    const path = file(
      [
        'prot: 80',
        'logLevel: loud',
        'hubs:',
        '  chat:',
        '    anonymousConectPolicy: allow',
        '    webSocketKeepAliveIntervalInSeconds: 500',
        '    eventHandlers:',
        '      - urlTemplte: http://localhost/x',
        '        systemEvents: [conect]',
        '  "a b": {}',
      ].join('\n'),
    )
    const message = refusal({ file: path, flags: { inputMaxFrames: 'many' }, env: { HOCKET_PORT: '99999' } })
    expect(
      message
        .split('\n')
        .slice(1)
        .map((line) => line.trim())
        .sort(),
    ).toEqual(
      [
        "--input-max-frames: 'many' is not a whole number",
        'HOCKET_PORT: 99999 is out of range, allowed are 0 to 65535',
        'hocket.yaml:10:3: hubs.a b: is not a hub name: it starts with a letter, has at most 128 characters, and takes letters, digits and _ - . , ` [ ]',
        "hocket.yaml:1:1: unknown option 'prot', did you mean 'port'?",
        "hocket.yaml:2:1: logLevel: 'loud' is not allowed, allowed are trace, debug, info, warn, error, silent",
        "hocket.yaml:5:5: hubs.chat: unknown hub setting 'anonymousConectPolicy', did you mean 'anonymousConnectPolicy'?",
        'hocket.yaml:6:5: hubs.chat.webSocketKeepAliveIntervalInSeconds: 500 is out of range, the most is 120',
        "hocket.yaml:8:9: hubs.chat.eventHandlers[0]: unknown key of an event handler 'urlTemplte', did you mean 'urlTemplate'?",
        'hocket.yaml:8:9: hubs.chat.eventHandlers[0].urlTemplate: is missing: it must be text',
        "hocket.yaml:9:24: hubs.chat.eventHandlers[0].systemEvents[0]: 'conect' is not allowed, allowed are connect, connected, disconnected",
      ].sort(),
    )
    expect(message).toMatch(/^Invalid configuration: 10 mistakes\n/)
  })

  it('still checks the rules between options that are right', () => {
    const message = refusal({ flags: { port: 'x', host: '0.0.0.0' } })
    expect(message).toContain("--port: 'x' is not a whole number")
    expect(message).toContain("--host: '0.0.0.0' can be reached from other machines")
  })

  it('names line and column of a syntax error', () => {
    expect(refusal({ file: file('port: 1\nlogLevel: a: b\n') })).toContain('hocket.yaml:2:11: Nested mappings')
    expect(refusal({ file: file('port: 1\nport: 2\n') })).toContain('hocket.yaml:2:1: Map keys must be unique')
    expect(refusal({ file: file('hubs:\n  *: {}\n') })).toContain('needs quotes')
    expect(refusal({ file: file('{"port": 1') })).toMatch(/hocket\.yaml:1:\d+: /)
  })

  it('refuses a file that is a list, a missing one and a directory', () => {
    expect(refusal({ file: file('- port: 1\n') })).toContain('must be a map of options')
    expect(refusal({ file: join(directory, 'none.yaml') })).toContain('cannot be read: there is no such file')
    expect(refusal({ file: directory })).toContain('it is a directory')
  })

  it('does not call a key missing that a broken file may hold', () => {
    expect(refusal({ file: file('accessKey: [\n'), env: { HOCKET_HOST: '0.0.0.0' } })).not.toContain('HOCKET_HOST')
  })

  it('refuses a small file that expands to a huge one', () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x]']
    for (let i = 0; i < 8; i++) {
      const [name, before] = [String.fromCharCode(98 + i), String.fromCharCode(97 + i)]
      lines.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(', ')}]`)
    }
    expect(refusal({ file: file(lines.join('\n')) })).toContain('too many of them')
  })

  it('refuses two spellings of one hub', () => {
    expect(refusal({ file: file('hubs:\n  chat: {}\n  Chat: {}\n') })).toContain(
      "hocket.yaml:3:3: hubs.Chat: is the same hub as 'chat'",
    )
  })

  it('refuses a flag that it does not know', () => {
    expect(refusal({ flags: { prot: '1' } })).toContain("unknown flag 'prot', did you mean 'port'?")
  })
})

describe('hub settings as Azure exports them', () => {
  it('accepts the settings alone, and a whole resource with its properties', () => {
    const settings = {
      anonymousConnectPolicy: 'Allow',
      webSocketKeepAliveIntervalInSeconds: 30,
      eventHandlers: [
        {
          urlTemplate: 'https://example.com/{hub}/{event}?code=1',
          userEventPattern: '*',
          systemEvents: ['Connect', 'disconnected'],
          groupPresenceEvents: null,
          auth: { type: 'ManagedIdentity', managedIdentity: { resource: 'api://x' } },
        },
      ],
      eventListeners: [
        {
          filter: { type: 'EventName', systemEvents: ['connected'], userEventPattern: 'a,b' },
          endpoint: { type: 'EventHub', fullyQualifiedNamespace: 'x.example.net', eventHubName: 'y' },
        },
      ],
    }
    const resource = { id: '/subscriptions/…', name: 'r/chat', type: 'x/hubs', systemData: {}, properties: settings }
    const { config, warnings } = loadConfig({ file: file(JSON.stringify({ hubs: { a: settings, b: resource } })) })
    expect(config.hubs.b).toEqual(config.hubs.a)
    expect(config.hubs.a).toMatchObject({
      anonymousConnectPolicy: 'allow',
      webSocketKeepAliveIntervalInSeconds: 30,
      eventHandlers: [{ systemEvents: ['connect', 'disconnected'] }],
    })
    expect(warnings).toEqual([
      "hub 'a' has eventHandlers and eventListeners: this release checks them and does not call them.",
      "hub 'b' has eventHandlers and eventListeners: this release checks them and does not call them.",
    ])
  })

  it('takes null in an export as not set', () => {
    const text = 'hubs:\n  a: { eventHandlers: null, eventListeners: null, anonymousConnectPolicy: null }\n'
    const { config, warnings } = loadConfig({ file: file(text) })
    expect(config.hubs.a).toEqual({
      anonymousConnectPolicy: 'deny',
      webSocketKeepAliveIntervalInSeconds: 20,
      eventHandlers: [],
      eventListeners: [],
    })
    expect(warnings).toEqual([])
  })

  it('finds the line of a mistake inside the properties of a resource', () => {
    const text = 'hubs:\n  a:\n    name: r/a\n    properties:\n      anonymousConnectPolicy: maybe\n      other: 1\n'
    const message = refusal({ file: file(text) })
    expect(message).toContain("hocket.yaml:5:7: hubs.a.anonymousConnectPolicy: 'maybe' is not allowed")
    expect(message).toContain("hocket.yaml:6:7: hubs.a: unknown hub setting 'other'")
  })

  it('shares settings between hubs with anchors', () => {
    const text =
      'hubs:\n  a: &a { anonymousConnectPolicy: allow }\n  b: *a\n  c: { <<: *a, webSocketKeepAliveIntervalInSeconds: 5 }\n'
    const { hubs } = loadConfig({ file: file(text) }).config
    expect(hubs.b).toEqual(hubs.a)
    expect(hubs.c).toMatchObject({ anonymousConnectPolicy: 'allow', webSocketKeepAliveIntervalInSeconds: 5 })
  })
})

describe('warnings', () => {
  it('names the nearest variable for an unknown one, and says that it is ignored', () => {
    const { warnings } = loadConfig({ env: { HOCKET_ACESS_KEY: 'x', PATH: '/bin' } })
    expect(warnings).toEqual(["unknown variable 'HOCKET_ACESS_KEY', did you mean 'HOCKET_ACCESS_KEY'? It is ignored."])
  })

  it('ignores what Kubernetes sets for a Service named hocket, and says so', () => {
    const { config, warnings } = loadConfig({
      env: {
        HOCKET_PORT: 'tcp://10.0.0.1:80',
        HOCKET_SERVICE_HOST: '10.0.0.1',
        HOCKET_PORT_80_TCP: 'tcp://10.0.0.1:80',
      },
    })
    expect(config.port).toBe(8080)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('enableServiceLinks: false')
  })
})
