import { describe, expect, it } from 'vitest'
import { oneLineOfJson } from '../io.ts'
import { backoffMs, describeFrame } from './watch.ts'

describe('a message as one line', () => {
  it.each([
    [
      '{"type":"message","from":"group","fromUserId":"alice","group":"g1","dataType":"text","data":"hi"}',
      '[group g1] alice: hi',
    ],
    ['{"type":"message","from":"group","fromUserId":null,"group":"g1","dataType":"text","data":"hi"}', '[group g1] hi'],
    [
      '{"type":"message","from":"server","dataType":"json","data":{"b":9007199254740993,"a":[1.50,"x"]}}',
      '[server] {"b":9007199254740993,"a":[1.50,"x"]}',
    ],
    ['{"type":"message","from":"server","dataType":"json","data":"text"}', '[server] "text"'],
    ['{"type":"message","from":"server","dataType":"binary","data":"AAE="}', '[server] (binary, base64) AAE='],
    [
      '{"type":"message","from":"server","dataType":"text","data":"a\\nb\\u001b[31m\\u202e"}',
      '[server] a\\nb\\u001b[31m\\u202e',
    ],
    [
      '{"type":"system","event":"disconnected","message":"Application server closed the connection."}',
      '[disconnected] Application server closed the connection.',
    ],
    ['{"type":"later","x":1}', '{"type":"later","x":1}'],
    ['no json', 'no json'],
  ])('shows %s', (frame, line) => {
    expect(describeFrame(frame)).toBe(line)
  })

  it('says nothing about connected, which is said already', () => {
    expect(describeFrame('{"type":"system","event":"connected","userId":"u","connectionId":"c"}')).toBeNull()
  })

  it('keeps a raw frame the same JSON on one safe line', () => {
    const frame = '{\n\t"a": "x\u0085\u202e",\r\n "b": 1 }'
    const line = oneLineOfJson(frame)
    expect(line).not.toMatch(/[\u0000-\u001f\u0080-\u009f\u202e]/)
    expect(JSON.parse(line)).toEqual(JSON.parse(frame))
  })
})

describe('reconnecting', () => {
  it('waits half a second, then twice as long each time up to 30 s, less up to a third', () => {
    expect([0, 1, 2, 6, 100].map((n) => backoffMs(n, () => 0))).toEqual([500, 1000, 2000, 30_000, 30_000])
    expect(backoffMs(0, () => 0.999999)).toBe(333)
  })
})
