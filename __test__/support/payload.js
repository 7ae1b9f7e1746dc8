/** Bodies large enough to need many reads, and how to compare them without printing them. */

import { createHash } from 'node:crypto';

/** More than any socket buffer between client and site holds, so that back-pressure has to work. */
export const LARGE = 8 * 1024 * 1024;

/** What a site answers at `/bytes/LENGTH`. */
export function bytesOfSite(length) {
  return Buffer.from(Uint8Array.from({ length }, (_, position) => position % 251));
}

/** A body of our own, which is nothing that a site makes up. */
export function ownBytes(length) {
  return Buffer.from(Uint8Array.from({ length }, (_, position) => (position * 7 + 3) % 241));
}

/** A short stand-in for a body: a mismatch shows as one line. */
export function summary(body) {
  return { length: body.length, sha256: createHash('sha256').update(body).digest('hex') };
}
