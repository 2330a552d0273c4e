import { totalmem } from 'node:os'
import { describe, expect, it } from 'vitest'
import { keyProblem } from './checks.ts'
import { nearest, unknownName } from './nearest.ts'
import { options } from './options.ts'
import { configSchema, defaultConfig, defaultHubSettings, developmentKey, hubSettings } from './schema.ts'

describe('options', () => {
  it('names flag and variable after the option', () => {
    for (const option of options) {
      const words = option.name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
      expect(option.flag).toBe(`--${words}`)
      expect(option.env).toBe(`HOCKET_${words.toUpperCase().replaceAll('-', '_')}`)
    }
  })

  it('gives every number that is a size or a time its unit, and every option a sentence', () => {
    for (const option of options) {
      expect(option.doc).toMatch(/\.$/)
      if (option.name.endsWith('Bytes')) expect(option.unit).toBe('bytes')
      if (option.name.endsWith('Ms')) expect(option.unit).toBe('milliseconds')
      if (option.name.endsWith('Seconds')) expect(option.unit).toBe('seconds')
    }
  })

  it('bounds every number on both sides, with its default between them', () => {
    const numbers = options.filter((option) => option.kind === 'integer')
    expect(numbers.length).toBeGreaterThan(15)
    const defaults = defaultConfig()
    for (const { name, min, max } of numbers) {
      expect(min).toBeGreaterThanOrEqual(0)
      expect(max).toBeLessThan(Number.MAX_SAFE_INTEGER)
      expect(configSchema.safeParse({ [name]: min }).success).toBe(true)
      expect(configSchema.safeParse({ [name]: max }).success).toBe(true)
      expect(configSchema.safeParse({ [name]: min! - 1 }).success).toBe(false)
      expect(configSchema.safeParse({ [name]: max! + 1 }).success).toBe(false)
      expect(defaults[name]).toBeGreaterThanOrEqual(min!)
      expect(defaults[name]).toBeLessThanOrEqual(max!)
    }
  })
})

describe('defaultConfig', () => {
  it('is what a developer gets: loopback, port 8080, the public key', () => {
    expect(defaultConfig()).toMatchObject({
      host: null,
      port: 8080,
      accessKey: developmentKey,
      accessKeySecondary: null,
    })
    expect(keyProblem(developmentKey)).toBeNull()
  })

  it('takes overrides, checks them, and completes hubs', () => {
    const config = defaultConfig({ port: 0, hubs: { chat: { anonymousConnectPolicy: 'allow' } } })
    expect(config.port).toBe(0)
    expect(config.hubs.chat?.webSocketKeepAliveIntervalInSeconds).toBe(20)
    expect(() => defaultConfig({ port: -1 })).toThrow()
    expect(() => defaultConfig({ host: '10.0.0.1' })).toThrow(/HOCKET_ACCESS_KEY/)
    expect(() => defaultConfig({ nothing: 1 } as object)).toThrow(/unknown option 'nothing'/)
  })

  it('gives each call hubs of its own', () => {
    expect(defaultConfig().hubs).not.toBe(defaultConfig().hubs)
  })

  it('takes a quarter of the memory for all outboxes together', () => {
    const { outboxTotalMaxBytes } = defaultConfig()
    expect(outboxTotalMaxBytes).toBeGreaterThanOrEqual(1024 * 1024)
    expect(outboxTotalMaxBytes).toBeLessThanOrEqual(totalmem() / 4)
  })
})

describe('hubSettings', () => {
  const config = defaultConfig({
    hubs: {
      Chat: { webSocketKeepAliveIntervalInSeconds: 5 },
      '*': { anonymousConnectPolicy: 'allow' },
    },
  })

  it('finds a hub in any case', () => {
    expect(hubSettings(config, 'CHAT').webSocketKeepAliveIntervalInSeconds).toBe(5)
    expect(hubSettings(config, 'chat').anonymousConnectPolicy).toBe('deny')
  })

  it('gives a hub that is not listed the settings of *', () => {
    expect(hubSettings(config, 'other').anonymousConnectPolicy).toBe('allow')
  })

  it('gives the built-in settings where nothing is configured', () => {
    expect(hubSettings(defaultConfig(), 'constructor')).toBe(defaultHubSettings)
    expect(defaultHubSettings).toEqual({
      anonymousConnectPolicy: 'deny',
      webSocketKeepAliveIntervalInSeconds: 20,
      eventHandlers: [],
      eventListeners: [],
    })
  })
})

describe('values', () => {
  const accepts = (overrides: object) => configSchema.safeParse(overrides).success

  it.each(['http://a', 'https://a.example:8443/prefix/', 'http://[::1]:80'])('takes %s as an endpoint', (endpoint) => {
    expect(accepts({ publicEndpoints: [endpoint] })).toBe(true)
  })
  it.each(['a', 'ws://a', 'http:a', 'http://u:p@a', 'http://a?b', 'http://a#b', 'http://'])(
    'does not take %s as an endpoint',
    (endpoint) => {
      expect(accepts({ publicEndpoints: [endpoint] })).toBe(false)
    },
  )
  it.each(['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8'])('lets %s read metrics', (range) => {
    expect(accepts({ metricsHost: [range] })).toBe(true)
  })
  it.each(['10.0.0', 'localhost', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', '10.0.0.0/', ''])(
    'does not take %s as an address range',
    (range) => {
      expect(accepts({ metricsHost: [range] })).toBe(false)
    },
  )
  it.each(['http://a', 'a:80', '', 'a b', '[::1]', '-a'])('does not take %s as a host', (host) => {
    expect(accepts({ host, accessKey: 'x'.repeat(32) })).toBe(false)
  })

  it('counts the bytes of a key, not its characters', () => {
    expect(keyProblem('ü'.repeat(16))).toBeNull()
    expect(keyProblem('a'.repeat(31))).toContain('has 31 bytes')
  })
})

describe('nearest names', () => {
  it('forgives case, separators, swapped and missing letters', () => {
    const known = ['port', 'host', 'outboxMaxBytes', 'outboxMaxMessages']
    expect(nearest('prot', known)).toBe('port')
    expect(nearest('Outbox-Max_Byte', known)).toBe('outboxMaxBytes')
    expect(nearest('hsot', known)).toBe('host')
  })

  it('names all when none is near and they are few, none when they are many', () => {
    expect(unknownName('key', 'zzzzzz', ['a', 'b'])).toBe("unknown key 'zzzzzz', known are a, b")
    expect(
      unknownName(
        'key',
        'zzzzzz',
        Array.from({ length: 13 }, (_, i) => `name${i}`),
      ),
    ).toBe("unknown key 'zzzzzz'")
  })
})
