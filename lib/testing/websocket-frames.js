// @ts-check
'use strict';

/** WebSocket frames (RFC 6455 §5), as a server reads and writes them: the client masks, it does not. */

/**
 * @typedef {object} Frame
 * @property {number} opcode
 * @property {boolean} isFinal
 * @property {Buffer} payload
 */

const OPCODE = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa };

/** Turns bytes as they come into whole frames. */
class FrameReader {
  #onFrame;
  #steps;

  /** How many bytes the next step waits for. */
  #wanted;
  #chunks = /** @type {Buffer[]} */ ([]);
  #length = 0;

  /** @param {(frame: Frame) => void} onFrame */
  constructor(onFrame) {
    this.#onFrame = onFrame;
    this.#steps = this.#read();
    this.#wanted = this.#steps.next().value;
  }

  /**
   * @param {Buffer} chunk
   * @throws {Violation} and what `onFrame` throws
   */
  push(chunk) {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= this.#wanted) {
      this.#wanted = this.#steps.next(this.#take(this.#wanted)).value;
    }
  }

  /** @param {number} length */
  #take(length) {
    const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#chunks = [all.subarray(length)];
    this.#length -= length;
    return all.subarray(0, length);
  }

  /**
   * Yields the number of bytes it needs next, and is given exactly these.
   * @returns {Generator<number, never, any>}
   */
  *#read() {
    for (;;) {
      const [first, second] = yield 2;
      const isFinal = (first & 0x80) !== 0;
      const opcode = first & 0x0f;
      let length = second & 0x7f;
      // No extension was agreed on, and a client must mask.
      if ((first & 0x70) !== 0 || (second & 0x80) === 0) throw new Violation(PROTOCOL_ERROR);
      if (opcode >= OPCODE.close && (!isFinal || length > 125)) throw new Violation(PROTOCOL_ERROR);
      if (length === 126) length = (yield 2).readUInt16BE();
      else if (length === 127) length = Number((yield 8).readBigUInt64BE());
      if (length > PAYLOAD_LIMIT) throw new Violation(TOO_BIG);
      const mask = yield 4;
      this.#onFrame({ opcode, isFinal, payload: unmask(yield length, mask) });
    }
  }
}

/** What the other side may not do; `code` is the one to close with (RFC 6455 §7.4.1). */
class Violation extends Error {
  /** @param {number} code */
  constructor(code) {
    super(`WebSocket violation, close with ${code}`);
    this.code = code;
  }
}

/**
 * A whole message, or a control frame, as bytes.
 * @param {number} opcode
 * @param {Buffer} payload
 */
function renderFrame(opcode, payload) {
  const { length } = payload;
  const extended = Buffer.alloc(length < 126 ? 0 : length < 65_536 ? 2 : 8);
  if (extended.length === 2) extended.writeUInt16BE(length);
  if (extended.length === 8) extended.writeBigUInt64BE(BigInt(length));
  const marker = extended.length === 0 ? length : extended.length === 2 ? 126 : 127;
  return Buffer.concat([Buffer.of(0x80 | opcode, marker), extended, payload]);
}

/**
 * @param {Buffer} payload
 * @param {Buffer} mask
 */
function unmask(payload, mask) {
  const plain = Buffer.allocUnsafe(payload.length);
  for (let i = 0; i < payload.length; i += 1) plain[i] = payload[i] ^ mask[i & 3];
  return plain;
}

const PROTOCOL_ERROR = 1002;
const INVALID_DATA = 1007;
const TOO_BIG = 1009;

// A payload is held whole before it goes back: enough for any test, and an end to it.
const PAYLOAD_LIMIT = 64 * 1024 * 1024;

module.exports = {
  FrameReader,
  INVALID_DATA,
  OPCODE,
  PAYLOAD_LIMIT,
  PROTOCOL_ERROR,
  renderFrame,
  TOO_BIG,
  Violation,
};
