/** OData filters: right ones from the grammar, and ones that were damaged. */

import fc from 'fast-check'
import { damage, damaged, name } from './words.ts'

const literal: fc.Arbitrary<string> = fc.oneof(
  name.map((text) => `'${text.slice(0, 300).replaceAll("'", "''")}'`),
  fc.constantFrom(
    '0',
    '1',
    '-1',
    '2147483647',
    '2147483648',
    '1.5',
    'true',
    'false',
    'null',
    "''",
    '2024-01-01',
    "'unclosed",
  ),
)

const atom: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('userId', 'connectionId', 'groups', 'protocol', 'USERID', 'GROUPS') },
  { weight: 2, arbitrary: literal },
  {
    weight: 1,
    arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'userId/length', '$it', 'x.y', '群'),
  },
)

const functions = [
  'length',
  'tolower',
  'toupper',
  'trim',
  'contains',
  'startswith',
  'endswith',
  'indexof',
  'concat',
  'substring',
  'toString',
  'constructor',
]

const expression: fc.Arbitrary<string> = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 3, arbitrary: atom },
    {
      weight: 4,
      arbitrary: fc
        .tuple(
          tie('expression'),
          fc.constantFrom('eq', 'ne', 'gt', 'ge', 'lt', 'le', 'in', 'and', 'or', 'add', 'has'),
          tie('expression'),
        )
        .map((parts) => parts.join(' ')),
    },
    { weight: 1, arbitrary: tie('expression').map((inner) => `(${inner})`) },
    { weight: 1, arbitrary: tie('expression').map((inner) => `not ${inner}`) },
    { weight: 2, arbitrary: atom.map((group) => `${group} in groups`) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom(...functions), fc.array(tie('expression'), { maxLength: 3 }))
        .map(([call, args]) => `${call}(${args.join(',')})`),
    },
    {
      weight: 1,
      arbitrary: fc.array(tie('expression'), { maxLength: 4 }).map((items) => `userId in (${items.join(', ')})`),
    },
  ),
})).expression

/** Long and deep ones: within what a URL may hold, and beyond it. */
const monster: fc.Arbitrary<string> = fc.constantFrom(
  '('.repeat(101),
  `${'('.repeat(5000)}1${')'.repeat(5000)}`,
  `${'not '.repeat(99)}true`,
  `${'not '.repeat(6000)}true`,
  `userId eq 'a'${" or userId eq 'b'".repeat(1500)}`,
  `userId eq 'a'${' or userId'.repeat(2000)}`,
  `${"'g' in groups or ".repeat(1500)}1`,
  `${'length('.repeat(90)}userId${')'.repeat(90)} gt 1`,
  `${"concat('aaaaaaaaaa',".repeat(95)}userId${')'.repeat(95)} eq 'x'`,
  `userId in (${"'x',".repeat(5000)}'y')`,
  `userId in (${','.repeat(9000)})`,
  `'${"''".repeat(9000)}' eq userId`,
  `indexof('${'a'.repeat(20_000)}','${'a'.repeat(9999)}b') gt 0`,
)

export const filter: fc.Arbitrary<string> = fc.oneof(
  { weight: 30, arbitrary: expression },
  {
    weight: 12,
    arbitrary: fc.tuple(expression, damage).map(([source, change]) => damaged(Buffer.from(source), change).toString()),
  },
  { weight: 1, arbitrary: monster },
  { weight: 3, arbitrary: name },
)
