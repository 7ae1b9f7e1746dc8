// @ts-check
'use strict';

/** A WebSocket server (RFC 6455) for one connection, which sends every message back. */

const { isUtf8 } = require('node:buffer');
const crypto = require('node:crypto');
const { errorAnswer, sendLast } = require('./answer.js');
const {
  FrameReader,
  INVALID_DATA,
  OPCODE,
  PAYLOAD_LIMIT,
  PROTOCOL_ERROR,
  renderFrame,
  TOO_BIG,
  Violation,
} = require('./websocket-frames.js');

/**
 * @import { IncomingMessage } from 'node:http'
 * @import { Socket } from 'node:net'
 * @import { Frame } from './websocket-frames.js'
 */

/**
 * Answers the handshake, sends the greeting, and echoes from then on.
 * @param {IncomingMessage} request
 * @param {Socket} socket
 * @param {Buffer} head bytes that came with the request
 * @param {string} greeting
 */
function acceptWebSocket({ headers }, socket, head, greeting) {
  const key = headers['sec-websocket-key'] ?? '';
  if (headers['sec-websocket-version'] !== '13' || !KEY.test(key)) {
    const hint = { 'Sec-WebSocket-Version': '13' };
    sendLast(socket, errorAnswer(426, 'Not a WebSocket handshake of version 13', hint));
    return;
  }
  const accept = crypto
    .createHash('sha1')
    .update(key + HANDSHAKE_GUID)
    .digest('base64');
  const [protocol] = (headers['sec-websocket-protocol'] ?? '').split(',');
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...(protocol ? [`Sec-WebSocket-Protocol: ${protocol}`] : []),
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  socket.write(renderFrame(OPCODE.text, Buffer.from(greeting)));
  if (head.length > 0) socket.unshift(head);
  new Echo(socket).start();
}

class Echo {
  #socket;

  /** The message whose fragments are coming in; null between two messages. */
  #message = /** @type {{ opcode: number, fragments: Buffer[], length: number } | null} */ (null);

  /** @param {Socket} socket */
  constructor(socket) {
    this.#socket = socket;
  }

  start() {
    const reader = new FrameReader((frame) => this.#onFrame(frame));
    this.#socket.on('data', (chunk) => {
      if (this.#socket.writableEnded) return;
      try {
        reader.push(chunk);
      } catch (error) {
        this.#close(error instanceof Violation ? error.code : INTERNAL_ERROR);
      }
    });
    this.#socket.on('drain', () => this.#socket.resume());
    this.#socket.on('end', () => this.#socket.end());
  }

  /** @param {Frame} frame */
  #onFrame({ opcode, isFinal, payload }) {
    if (this.#socket.writableEnded || opcode === OPCODE.pong) return;
    if (opcode === OPCODE.close) this.#close(payload.length < 2 ? null : payload.readUInt16BE());
    else if (opcode === OPCODE.ping) this.#send(OPCODE.pong, payload);
    else this.#onFragment(opcode, isFinal, payload);
  }

  /**
   * @param {number} opcode
   * @param {boolean} isFinal
   * @param {Buffer} payload
   */
  #onFragment(opcode, isFinal, payload) {
    if (opcode > OPCODE.binary) throw new Violation(PROTOCOL_ERROR);
    if ((opcode === OPCODE.continuation) !== (this.#message !== null)) {
      throw new Violation(PROTOCOL_ERROR);
    }
    this.#message ??= { opcode, fragments: [], length: 0 };
    this.#message.fragments.push(payload);
    this.#message.length += payload.length;
    if (this.#message.length > PAYLOAD_LIMIT) throw new Violation(TOO_BIG);
    if (isFinal) this.#echo(this.#message.opcode, Buffer.concat(this.#message.fragments));
  }

  /**
   * @param {number} opcode
   * @param {Buffer} message
   */
  #echo(opcode, message) {
    this.#message = null;
    if (opcode === OPCODE.text && !isUtf8(message)) throw new Violation(INVALID_DATA);
    this.#send(opcode, message);
  }

  /**
   * @param {number} opcode
   * @param {Buffer} payload
   */
  #send(opcode, payload) {
    if (!this.#socket.write(renderFrame(opcode, payload))) this.#socket.pause();
  }

  /** @param {number | null} code */
  #close(code) {
    const payload = code === null ? Buffer.alloc(0) : Buffer.of(code >> 8, code & 0xff);
    this.#socket.end(renderFrame(OPCODE.close, payload));
  }
}

const INTERNAL_ERROR = 1011;

const KEY = /^[A-Za-z0-9+/]{22}==$/;
const HANDSHAKE_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

module.exports = { acceptWebSocket };
