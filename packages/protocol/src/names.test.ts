import { expect, it } from 'vitest'
import { isEventName, isGroupName, isHubName, isPinnedConnectionId, normalizeHub } from './names.ts'

it('takes hub names of the published pattern, and a hyphen unless strict', () => {
  for (const name of ['a', 'Chat', 'c0_`,.[]', `a${'b'.repeat(127)}`]) {
    expect(isHubName(name)).toBe(true)
    expect(isHubName(name, { strict: true })).toBe(true)
  }
  expect(isHubName('my-hub')).toBe(true)
  expect(isHubName('my-hub', { strict: false })).toBe(true)
  expect(isHubName('my-hub', { strict: true })).toBe(false)
})

it('refuses other hub names', () => {
  for (const name of ['', ' ', '1a', '_a', '-a', 'a b', 'a/b', 'ä', 'a*', 'a\n', `a${'b'.repeat(128)}`, 'a\u212a']) {
    expect(isHubName(name)).toBe(false)
  }
})

it('has one spelling of a hub', () => {
  expect(normalizeHub('My-HUB')).toBe('my-hub')
})

it('takes any group name of 1 to 1,024 units that is not blank', () => {
  for (const name of ['g', ' g ', '*', 'a/b', 'a\nb', '\ufeff', '\u200b', '😀', 'x'.repeat(1024), '漢'.repeat(1024)]) {
    expect(isGroupName(name)).toBe(true)
  }
  const blanks = ['', ' ', '\t\n\v\f\r', '\x85', '\xa0', '\u1680', '\u2000\u200a', '\u2028\u2029', '\u202f\u205f\u3000']
  for (const name of [...blanks, ' '.repeat(1024), 'x'.repeat(1025), '😀'.repeat(513)]) {
    expect(isGroupName(name)).toBe(false)
  }
})

it('takes event names of the published pattern', () => {
  for (const name of ['a', 'Order.created', 'a_-.9', `a${'b'.repeat(127)}`]) expect(isEventName(name)).toBe(true)
  for (const name of ['', '1a', '.a', 'a b', 'ä', 'a\u212a', 'a\n', `a${'b'.repeat(128)}`]) {
    expect(isEventName(name)).toBe(false)
  }
})

it('takes ids to pin that are safe in a URL', () => {
  for (const id of ['abc123', '-', '_', 'x'.repeat(64)]) expect(isPinnedConnectionId(id)).toBe(true)
  for (const id of ['', 'a b', 'a/b', 'a.b', 'ä', 'a\n', 'x'.repeat(65)]) expect(isPinnedConnectionId(id)).toBe(false)
})
