import { describeBackplaneContract } from '@hocket/testkit/contracts/backplane'
import { describe, expect, it } from 'vitest'
import { MemoryBackplane } from './memory.ts'
import { createNodeId, newConnectionId } from './node-id.ts'

describeBackplaneContract('memory', {
  nodes: 1,
  canFail: false,
  create: () => ({ backplanes: [new MemoryBackplane(createNodeId())] }),
})

describe('MemoryBackplane', () => {
  it('has nobody to tell, and answers for every connection id, whatever node it names', async () => {
    const backplane = new MemoryBackplane('abcdefgh')
    await backplane.start({
      envelope: () => expect.unreachable('there is no other node'),
      request: () => ({ found: true }) as never,
      nodeLost: () => expect.unreachable('there is no other node'),
      fenced: () => expect.unreachable('one node is never cut off'),
    })
    expect(backplane.setInterest()).toBeUndefined()
    backplane.publish()
    const connectionId = newConnectionId('zzzzzzzz')
    const { replies } = await backplane.request({
      op: 'exists',
      scope: { kind: 'connection', hub: 'chat', connectionId },
    })
    expect(replies).toEqual([{ nodeId: 'abcdefgh', reply: { found: true } }])
  })
})
