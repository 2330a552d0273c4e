/** Names on the wire and what makes one valid. */

const hubPattern = /^[A-Za-z][A-Za-z0-9_`,.[\]-]{0,127}$/
const eventPattern = /^[A-Za-z][A-Za-z0-9_.-]{0,127}$/
const pinnedPattern = /^[A-Za-z0-9_-]{1,64}$/
// What .NET calls white space: U+0085 is, U+FEFF is not, which String.prototype.trim sees the other way round.
const visiblePattern = /[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/

/** Longest group name, in UTF-16 units. */
export const maxGroupNameLength = 1024

/** A letter, then up to 127 of letters, digits and `` _ ` , . [ ] `` and, unless `strict`, `-`. */
export function isHubName(name: string, { strict }: { readonly strict: boolean } = { strict: false }): boolean {
  return hubPattern.test(name) && !(strict && name.includes('-'))
}

/** Hubs have no case: this is the spelling for every look-up. */
export function normalizeHub(name: string): string {
  return name.toLowerCase()
}

/**
 * 1 to 1,024 UTF-16 units, not all of them white space. Case-sensitive.
 *
 * The published pattern `^(?!\s+$).+$` would also refuse a line feed; the service itself checks only what is said here,
 * for clients as for REST, and so a name with a line feed in it works on both sides.
 */
export function isGroupName(name: string): boolean {
  return name.length <= maxGroupNameLength && visiblePattern.test(name)
}

/** A letter, then up to 127 of letters, digits and `_ . -`. */
export function isEventName(name: string): boolean {
  return eventPattern.test(name)
}

/** Ids that a client URL may pin in development: 1 to 64 of letters, digits, `_` and `-`. */
export function isPinnedConnectionId(id: string): boolean {
  return pinnedPattern.test(id)
}
