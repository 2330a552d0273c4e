/** The table of RFC 6455 cases, as data: raw bytes, and what becomes of a connection that is sent them. */

import { controlCases } from './cases-control.ts'
import { fragmentationCases } from './cases-fragmentation.ts'
import { framingCases } from './cases-framing.ts'
import { limitCases } from './cases-limits.ts'
import { utf8Cases } from './cases-utf8.ts'
import type { FrameCase } from './words.ts'

export const frameCases: readonly (readonly [chapter: string, cases: readonly FrameCase[]])[] = [
  ['framing and masking', framingCases],
  ['fragmentation', fragmentationCases],
  ['control frames', controlCases],
  ['UTF-8', utf8Cases],
  ['limits', limitCases],
]
