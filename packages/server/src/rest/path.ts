import { errors, type HocketError } from '@hocket/protocol/errors'
import type { Permission } from '@hocket/protocol/message'
import { isGroupName, isHubName, normalizeHub } from '@hocket/protocol/names'
import { percentDecode } from '../auth/target.ts'

export interface PathRules {
  readonly strictPathDecoding: boolean
  readonly strictHubNames: boolean
}

/**
 * Percent-decodes one segment once; `+` stays a plus. `isStrict`: `%2F` stays the three characters it is.
 * @returns `null` when an escape is malformed, the bytes are not UTF-8, or a character should have been escaped
 */
export function decodeSegment(segment: string, isStrict: boolean): string | null {
  if (!/^[!-~]*$/.test(segment)) return null
  if (!isStrict) return percentDecode(segment)
  const parts = segment.split(/(%2f)/i).map((part, i) => (i % 2 === 1 ? part : percentDecode(part)))
  return parts.includes(null) ? null : parts.join('')
}

/** Reads the value of `{name}` in a path. @throws HocketError of status 400 */
export function readPathValue(name: string, segment: string, rules: PathRules): string {
  const value = decodeSegment(segment, rules.strictPathDecoding)
  switch (name) {
    case 'hub':
      if (value === null || !isHubName(value, { strict: rules.strictHubNames })) throw errors.invalidHub()
      return normalizeHub(value)
    case 'group':
      return checked(value, isGroupName, errors.invalidGroup)
    case 'connectionId':
      return checked(value, isNotBlank, errors.invalidConnectionId)
    case 'userId':
      return checked(value, isNotBlank, errors.invalidUserId)
    case 'permission':
      return readPermission(value ?? segment)
    default:
      throw new Error(`no rule for the path value ${name}`)
  }
}

const isNotBlank = (value: string) => value.trim() !== ''

function checked(value: string | null, isValid: (value: string) => boolean, refuse: () => HocketError): string {
  if (value === null || !isValid(value)) throw refuse()
  return value
}

function readPermission(value: string): Permission {
  switch (value.toLowerCase()) {
    case 'sendtogroup':
    case '1':
      return 'sendToGroup'
    case 'joinleavegroup':
    case '2':
      return 'joinLeaveGroup'
    default:
      throw errors.invalidPermission({ found: value })
  }
}
