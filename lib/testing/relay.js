// @ts-check
'use strict';

/** @import { Socket } from 'node:net' */

/**
 * Copies both ways between two sockets until both directions have ended. One side may end while
 * the other goes on; a side that breaks off takes the other with it.
 * @param {Socket} one
 * @param {Socket} other
 */
function relay(one, other) {
  copy(one, other);
  copy(other, one);
}

/**
 * @param {Socket} from
 * @param {Socket} to
 */
function copy(from, to) {
  from.pipe(to);
  from.once('close', () => {
    // After an ordinary end what is still on its way must arrive first.
    if (from.readableEnded) to.end(() => to.destroy());
    else to.destroy();
  });
}

module.exports = { relay };
