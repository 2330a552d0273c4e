import { beforeEach, describe, expect, it } from 'vitest'
import { createFixture, plainError } from './fixture.ts'

let fixture = createFixture()
beforeEach(() => {
  fixture = createFixture()
})

describe('permissions', () => {
  it.each(['PUT', 'DELETE'])('%s answers 409 when the connection has too many rules', async (method) => {
    fixture.router.answers.grant = [{ outcome: 'full' }]
    fixture.router.answers.revoke = [{ outcome: 'full' }]
    const reply = await fixture.call(method, '/api/hubs/h/permissions/sendToGroup/connections/c?targetName=g')
    expect(reply.status).toBe(409)
    expect(reply.headers['x-ms-error-code']).toBe('Error.Connection.Conflict')
    expect(JSON.parse(String(reply.body))).toMatchObject({
      target: 'Connection',
      message: expect.stringContaining('1000'),
    })
  })

  it.each([
    ['sendToGroup', 'sendToGroup'],
    ['SENDTOGROUP', 'sendToGroup'],
    ['joinleavegroup', 'joinLeaveGroup'],
    ['joinLeaveGrou%70', 'joinLeaveGroup'],
    ['1', 'sendToGroup'],
    ['2', 'joinLeaveGroup'],
  ])('are named %s', async (spelled, permission) => {
    await fixture.call('HEAD', `/api/hubs/h/permissions/${spelled}/connections/c?targetName=g`)
    expect(fixture.router.requests[0]).toMatchObject({ permission })
  })

  it.each(['0', '3', '-1', 'unknown', 'sendToGroup,joinLeaveGroup', '1,2', '01', '%20', '', 'sendToGroup%20', '%ff'])(
    'are never named %j',
    async (spelled) => {
      const reply = await fixture.call('HEAD', `/api/hubs/h/permissions/${spelled}/connections/c?targetName=g`)
      expect(reply.status).toBe(400)
      expect(reply.headers['x-ms-error-code']).toBe('Error.BadRequest')
    },
  )

  it.each(['', '?targetName=', '?targetName=%20%20', `?targetName=${'x'.repeat(1025)}`, '?targetName=a&targetName=b'])(
    'need one group: %.30s',
    async (query) => {
      for (const method of ['PUT', 'DELETE', 'HEAD']) {
        const reply = await fixture.call(method, `/api/hubs/h/permissions/sendToGroup/connections/c${query}`)
        expect(reply.status).toBe(400)
        expect(reply.body).toBe(plainError('Error.BadRequest', 'Invalid targetName.', 'Request'))
      }
      expect(fixture.router.requests).toEqual([])
    },
  )

  it.each(['*', 'room.*', 'a/b', '群'.repeat(1024)])('take the group literally: %.10s', async (group) => {
    await fixture.call('PUT', `/api/hubs/h/permissions/1/connections/c?targetName=${encodeURIComponent(group)}`)
    expect(fixture.router.requests[0]).toMatchObject({ group })
  })
})
