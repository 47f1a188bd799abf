import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether an `Authorization` header has the token. How long it takes says nothing about the token. */
export function hasToken(authorization: string | undefined, adminToken: string): boolean {
  const credentials = /^bearer +(.*)$/i.exec(authorization ?? '')?.[1] ?? '';
  // Digests are of one length, whatever was sent.
  return timingSafeEqual(digest(credentials), digest(adminToken));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
