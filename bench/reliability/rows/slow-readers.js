// @ts-check
'use strict';

/** Clients that ask for much and read nothing. */

const { setTimeout: sleep } = require('node:timers/promises');
const { Listener } = require('../listener.js');
const { Subject } = require('../subject.js');
const { kibibytes } = require('../text.js');
const { exchange, get, open, openConnect } = require('../wire.js');

/**
 * @typedef {import('node:net').Socket} Socket
 * @typedef {import('../subject.js').Peer} Peer
 */

/** @type {import('./index.js').Row} */
const slowReaders = {
  id: 'slow-readers',
  promise: 'A client that does not read costs little: 50 of them, 64 MiB each, memory after 5 s',
  async measure(peer) {
    const byConnect = await grow(peer, async (port, origin) => {
      const socket = await openConnect(port, origin);
      socket.pause().write(get(`127.0.0.1:${origin}`));
      return socket;
    });
    const byGet = await grow(peer, async (port, origin) => {
      const socket = await open(port);
      socket.pause().write(get(`127.0.0.1:${origin}`));
      return socket;
    });
    return {
      text: `CONNECT ${kibibytes(byConnect)} a client, GET ${kibibytes(byGet)} a client`,
      isKept: Math.max(byConnect, byGet) < PROMISED_BYTES,
    };
  },
};

/**
 * What each client costs, in bytes.
 *
 * @param {Peer} peer
 * @param {(port: number, origin: number) => Promise<Socket>} begin a download that is not read
 */
async function grow(peer, begin) {
  const origin = await Listener.start(send);
  const subject = await Subject.start(peer);
  const small = await Listener.start((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
  await exchange(subject.port, get(`127.0.0.1:${small.port}`));
  const before = subject.residentBytes();
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () => begin(subject.port, origin.port)),
  );
  await sleep(5000);
  const growth = subject.residentBytes() - before;
  for (const client of clients) client.destroy();
  await Promise.all([subject.end(), origin.stop(), small.stop()]);
  return growth / CLIENTS;
}

/** As fast as it is taken. @param {Socket} socket */
function send(socket) {
  let left = DOWNLOAD_BYTES;
  const write = () => {
    while (left > 0) {
      left -= CHUNK.length;
      if (!socket.write(CHUNK)) return;
    }
    socket.end();
  };
  socket.once('data', () => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${DOWNLOAD_BYTES}\r\n\r\n`);
    socket.on('drain', write);
    write();
  });
}

const CLIENTS = 50;
const CHUNK = Buffer.alloc(64 * 1024);
const DOWNLOAD_BYTES = 64 * 1024 * 1024;
/** Whatever is buffered has a limit; this is far above it, and far below the download. */
const PROMISED_BYTES = 512 * 1024;

module.exports = { slowReaders };
