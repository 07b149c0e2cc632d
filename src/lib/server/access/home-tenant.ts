/** The tenant that a server begins with: hawkBit's name for it, so that its clients find it. */
export const HOME_TENANT = 'DEFAULT';
