/** Roles with patterns, and names of groups to try them on. */

import fc from 'fast-check'
import { name } from './words.ts'

const piece = fc.constantFrom(
  'a',
  'a',
  'b',
  '.',
  '*',
  '**',
  '?',
  '\\*',
  '\\?',
  '\\\\',
  '\\',
  '群',
  '💥',
  '\ud83d',
  ' ',
  'a'.repeat(200),
)

const pattern: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.array(piece, { minLength: 1, maxLength: 12 }).map((pieces) => pieces.join('')) },
  { weight: 1, arbitrary: name.map((text) => text.slice(0, 1100)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '*a*a*a*a*a',
      '**a**a*b',
      `${'?'.repeat(1000)}*`,
      '*'.repeat(6),
      `*${'a'.repeat(1000)}b`,
      `${'a?'.repeat(400)}**b`,
    ),
  },
)

const role: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(
      'webpubsub.joinLeaveGroups.',
      'webpubsub.sendToGroups.',
      'webpubsub.joinLeaveGroup.',
      'webpubsub.sendToGroup.',
      'webpubsub.',
      '',
    ),
    pattern,
  )
  .map((parts) => parts.join(''))

export interface RolesAndGroups {
  readonly roles: readonly string[]
  readonly groups: readonly string[]
}

const group: fc.Arbitrary<string> = fc
  .oneof(
    {
      weight: 3,
      arbitrary: fc
        .array(fc.constantFrom('a', 'b', '.', '*', '群', '💥', 'aaaa'), { minLength: 1, maxLength: 10 })
        .map((parts) => parts.join('')),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('a'.repeat(1024), `${'a'.repeat(1023)}b`, 'a.'.repeat(500), '💥'.repeat(512)),
    },
    { weight: 1, arbitrary: name },
  )
  .filter((text) => text.length <= 1024 && /[^\s\x85]/.test(text.replaceAll('\ufeff', 'x')))

export const rolesAndGroups: fc.Arbitrary<RolesAndGroups> = fc.record({
  roles: fc.array(role, { maxLength: 12 }),
  groups: fc.array(group, { minLength: 1, maxLength: 6 }),
})
