/** Bodies that need many reads, and how to compare them without printing them. */

import { createHash } from 'node:crypto';

/** More than the socket buffers between client and site hold, so that back-pressure has to work. */
export const LARGE = 8 * 1024 * 1024;

/**
 * What a site answers at `/bytes/LENGTH`.
 *
 * @param {number} length
 */
export const bytesOfSite = (length) => repeated(251, length);

/**
 * A body that is nothing a site makes up.
 *
 * @param {number} length
 */
export const ownBytes = (length) => repeated(241, length);

/**
 * What stands for a body in an assertion: a mismatch shows as two lines.
 *
 * @param {Uint8Array} body
 */
export const summary = (body) => ({
  length: body.length,
  sha256: createHash('sha256').update(body).digest('hex'),
});

/** A lost, doubled or swapped piece of any usual size shows, since the period is a prime. */
function repeated(period, length) {
  return Buffer.alloc(
    length,
    Uint8Array.from({ length: period }, (_, position) => position),
  );
}
