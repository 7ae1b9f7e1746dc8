// @ts-check
'use strict';

/**
 * The bytes that are sent: a piece of one long ring, which both sides know. Two exchanges take different pieces, so that bytes
 * that reach the wrong one are noticed.
 */

const { Random } = require('./random.js');

/** @param {number} offset @param {number} length @returns {Generator<Buffer>} */
function* pieces(offset, length) {
  for (let sent = 0; sent < length; ) {
    const start = (offset + sent) % RING.length;
    const piece = RING.subarray(start, start + Math.min(PIECE, length - sent));
    sent += piece.length;
    yield piece;
  }
}

/** All of it at once. @param {number} offset @param {number} length */
function payload(offset, length) {
  return Buffer.concat([...pieces(offset, length)]);
}

/** Compares what arrives with what was sent. */
class Checker {
  #offset;
  #length;
  received = 0;
  /** The place of the first byte that is another than that sent, or one too many. @type {number | null} */
  firstWrong = null;

  /** @param {number} offset @param {number} length */
  constructor(offset, length) {
    this.#offset = offset;
    this.#length = length;
  }

  /** @param {Buffer} chunk */
  take(chunk) {
    if (this.firstWrong === null) {
      const room = this.#length - this.received;
      const wanted = payload(this.#offset + this.received, Math.min(room, chunk.length));
      if (!wanted.equals(chunk)) this.firstWrong = this.received + firstDifference(wanted, chunk);
    }
    this.received += chunk.length;
  }

  /** Whether all that has come is right. */
  get isExact() {
    return this.firstWrong === null;
  }

  /** Whether it is also all that was sent. */
  get isWhole() {
    return this.isExact && this.received === this.#length;
  }

  toString() {
    const wrong = this.isExact ? '' : `, wrong from byte ${this.firstWrong}`;
    return `${this.received} of ${this.#length} bytes${wrong}`;
  }
}

/** @param {Buffer} one @param {Buffer} other */
function firstDifference(one, other) {
  const at = one.findIndex((byte, place) => byte !== other[place]);
  return at < 0 ? one.length : at;
}

function makeRing() {
  const random = new Random(1);
  const ring = Buffer.alloc(RING_LENGTH);
  for (let at = 0; at < ring.length; at += 1) ring[at] = random.between(0, 255);
  return ring;
}

/** A prime, so that no buffer size divides it. */
const RING_LENGTH = 1_048_573;
const PIECE = 64 * 1024;
const RING = makeRing();

module.exports = { Checker, payload, pieces };
