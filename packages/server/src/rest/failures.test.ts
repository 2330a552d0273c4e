import { beforeEach, describe, expect, it } from 'vitest'
import type { HttpReply } from '../http.ts'
import { createFixture } from './fixture.ts'

let fixture = createFixture()
beforeEach(() => {
  fixture = createFixture()
})

const text = { headers: { 'Content-Type': 'text/plain' }, body: 'hi' }

describe('sending under load', () => {
  it('answers 429 while receivers have too much to be written, and delivers nothing', async () => {
    fixture.router.overloaded = true
    const reply = await fixture.call('POST', '/api/hubs/h/:send', text)
    expect(reply.status).toBe(429)
    expect(reply.headers).toMatchObject({ 'Retry-After': '1', 'x-ms-error-code': 'Error.TooManyRequests' })
    expect(fixture.router.published).toEqual([])
  })

  it('answers 202 only when the congestion is relieved', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    fixture.router.congestion = { relieved: () => promise }
    let reply: HttpReply | null = null
    const answered = fixture.call('POST', '/api/hubs/h/:send', text).then((value) => {
      reply = value
    })
    await new Promise((done) => setImmediate(done))
    expect(fixture.router.published).toHaveLength(1)
    expect(reply).toBeNull()
    resolve()
    await answered
    expect(reply).toMatchObject({ status: 202 })
  })
})

describe('health', () => {
  it('needs no token, and says when the service is not', async () => {
    fixture.health.isHealthy = false
    expect((await fixture.call('HEAD', '/api/health', { token: null })).status).toBe(503)
    fixture.health.isHealthy = true
    expect((await fixture.call('HEAD', '/api/health', { token: 'rubbish' })).status).toBe(200)
  })

  it('does not fill the log while the service shuts down', async () => {
    fixture.health.isHealthy = false
    await fixture.call('HEAD', '/api/health', { token: null })
    expect(fixture.lines.filter(({ level }) => level !== 'debug')).toEqual([])
  })
})

describe('a bug of ours', () => {
  it('is 500 with a trace id that the log explains, and nothing else', async () => {
    fixture.router.failure = new Error('the secret inside')
    const reply = await fixture.call('POST', '/api/hubs/h/:send', text)
    expect(reply.status).toBe(500)
    expect(reply.headers['x-ms-error-code']).toBe('Error.Internal')
    const { message } = JSON.parse(String(reply.body)) as { message: string }
    const traceId = /^Internal server error \(trace ([0-9a-f-]{36})\)\.$/.exec(message)?.[1]
    expect(fixture.lines).toContainEqual({
      level: 'error',
      message: 'REST call failed',
      fields: { traceId, status: 500, operation: 'WebPubSub_SendToAll', err: fixture.router.failure },
    })
  })
})

describe('every answer', () => {
  it('is counted under its operation', async () => {
    await fixture.call('POST', '/api/hubs/h/:send', text)
    await fixture.call('POST', '/api/hubs/h/:send', { token: null })
    await fixture.call('GET', '/api/nothing')
    expect(fixture.replies).toEqual([
      ['WebPubSub_SendToAll', 202],
      ['WebPubSub_SendToAll', 401],
      [null, 404],
    ])
  })
})
