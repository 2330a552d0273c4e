/** Names on the wire and what makes one valid. */

const hubPattern = /^[A-Za-z][A-Za-z0-9_`,.[\]-]{0,127}$/
const eventPattern = /^[A-Za-z][A-Za-z0-9_.-]{0,127}$/
const pinnedPattern = /^[A-Za-z0-9_-]{1,64}$/

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

/** 1 to 1,024 UTF-16 units, not all of them white space. Case-sensitive. */
export function isGroupName(name: string): boolean {
  return name.length > 0 && name.length <= maxGroupNameLength && name.trim() !== ''
}

export function isEventName(name: string): boolean {
  return eventPattern.test(name)
}

/** Ids that a client URL may pin in development. */
export function isPinnedConnectionId(id: string): boolean {
  return pinnedPattern.test(id)
}
