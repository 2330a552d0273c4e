/** The key that is public and belongs to a machine of one's own: the official emulator has the same. */
export const developmentKey = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH'
