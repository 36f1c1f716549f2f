/** NOLOGIN role under which everybody's queries run: it can read what is published to the public, nothing else. */
export const PUBLIC_ROLE = 'almagest_public'
