// @ts-check
'use strict';

/**
 * What is spoken in a connect, and after an upgrade: the client sends a line, `MODE LENGTH OFFSET`, the peer answers with one
 * that says by which way it was reached, and from there on it is bytes.
 */

const { Readable, pipeline } = require('node:stream');
const { Checker, payload, pieces } = require('../lib/payload.js');
const { resetLater } = require('./faults.js');

/**
 * @typedef {import('node:net').Socket} Socket
 */

/**
 * A connection whose client is about to send its line.
 *
 * @typedef {object} Stream
 * @property {Socket} socket
 * @property {() => void} reset
 * @property {string} via
 */

/** @param {Stream} stream @param {Buffer} [early] what was read from it already */
function serveStream(stream, early) {
  const { socket } = stream;
  let text = '';
  socket.on('error', () => socket.destroy());
  if (early && early.length > 0) socket.unshift(early);
  socket.on('readable', function read() {
    for (let byte = socket.read(1); byte !== null; byte = socket.read(1)) {
      text += byte;
      if (text.endsWith('\n') || text.length > LONGEST_LINE) {
        socket.off('readable', read);
        return begin(stream, text);
      }
    }
  });
  // A client that has ended before it said what it wants gets nothing.
  socket.once('end', () => {
    if (!text.endsWith('\n')) socket.end();
  });
}

/** @param {Stream} stream @param {string} line */
function begin(stream, line) {
  const { socket, via } = stream;
  const [mode, length, offset] = line.trim().split(' ');
  const serve = MODES[mode];
  if (serve === undefined) return socket.destroy();
  socket.write(`${via}\n`);
  serve(stream, Number(length), Number(offset));
}

/** @type {Record<string, (stream: Stream, length: number, offset: number) => unknown>} */
const MODES = {
  /** All comes back, the end too. */
  echo({ socket }) {
    socket.pipe(socket);
  },
  send({ socket }, length, offset) {
    socket.resume();
    pipeline(Readable.from(pieces(offset, length)), socket, () => {});
  },
  async take({ socket }, length, offset) {
    const checker = new Checker(offset, length);
    socket.on('data', (chunk) => checker.take(chunk));
    socket.once('end', () => socket.end(checker.isWhole ? 'whole' : String(checker)));
  },
  /** A regular end, where the client has expected more: no proxy can know. */
  short({ socket }, length, offset) {
    socket.resume();
    socket.end(payload(offset, Math.floor(length / 2)));
  },
  async reset({ socket, reset }, length, offset) {
    socket.resume();
    socket.write(payload(offset, Math.floor(length / 2)));
    await resetLater({ socket, reset });
  },
  stall({ socket }) {
    socket.resume();
  },
};

const LONGEST_LINE = 100;

module.exports = { serveStream };
