// @ts-check
'use strict';

/** Clients that write bytes rather than requests. */

const { once } = require('node:events');
const net = require('node:net');
const { setTimeout: sleep } = require('node:timers/promises');

/**
 * @typedef {object} Answer
 * @property {number | undefined} status nothing where none came in time
 * @property {string} text all that came
 * @property {number} milliseconds to its first byte, or to the end of the wait
 */

/** @param {number} port @returns {Promise<net.Socket>} */
async function open(port) {
  const socket = net.connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

/**
 * Writes, and waits for an answer until the connection ends or falls silent.
 *
 * @param {number} port
 * @param {string} bytes in Latin-1
 * @param {number} [withinMs]
 * @returns {Promise<Answer>}
 */
async function exchange(port, bytes, withinMs = 5000) {
  const began = performance.now();
  const socket = await open(port);
  let text = '';
  let milliseconds = withinMs;
  await new Promise((resolve) => {
    socket.setTimeout(withinMs);
    socket.on('data', (data) => {
      if (text === '') milliseconds = performance.now() - began;
      text += data.toString('latin1');
      socket.setTimeout(SILENCE_MS);
    });
    socket.on('timeout', resolve).on('close', resolve);
    socket.write(bytes, 'latin1');
  });
  socket.destroy();
  return { status: statusOf(text), text, milliseconds };
}

/** @param {string} text @returns {number | undefined} */
function statusOf(text) {
  const status = /^HTTP\/1\.\d (\d{3})/.exec(text)?.[1];
  return status === undefined ? undefined : Number(status);
}

/**
 * A GET in absolute-form, the last one of its connection.
 *
 * @param {string} authority
 * @param {string} [fields] each with its line break
 */
function get(authority, fields = '') {
  return `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n${fields}\r\n`;
}

/** @param {string} authority @param {string} [fields] */
function connect(authority, fields = '') {
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${fields}\r\n`;
}

/**
 * Opens a CONNECT and leaves it open.
 *
 * @param {number} port of the proxy
 * @param {number} target at 127.0.0.1
 * @param {number} [withinMs]
 * @returns {Promise<net.Socket>}
 */
async function openConnect(port, target, withinMs = CONNECT_MS) {
  const socket = await open(port);
  socket.write(connect(`127.0.0.1:${target}`));
  const data = await nextData(socket, withinMs);
  if (statusOf(data) === 200) return socket;
  socket.destroy();
  throw new Error(`a CONNECT was answered ${statusOf(data)}`);
}

/** Sends a message and waits for it to come back. @param {net.Socket} socket */
async function sendMessage(socket) {
  socket.write(MESSAGE);
  if ((await nextData(socket, CONNECT_MS)) !== MESSAGE) throw new Error('a message was lost');
}

/** @param {net.Socket} socket @param {number} withinMs @returns {Promise<string>} */
async function nextData(socket, withinMs) {
  const ending = new AbortController();
  const events = [
    once(socket, 'data', { signal: ending.signal }).then(([data]) => data.toString('latin1')),
    once(socket, 'close', { signal: ending.signal }).then(() => ''),
    sleep(withinMs, '', { signal: ending.signal }),
  ];
  for (const event of events) event.catch(() => {});
  const data = await Promise.race(events);
  ending.abort();
  return data;
}

/**
 * Connects that have all carried a message, and stay. Those that fail are left out.
 *
 * @param {number} port
 * @param {number} target
 * @param {number} count
 * @returns {Promise<net.Socket[]>}
 */
async function openConnects(port, target, count) {
  const outcomes = await Promise.allSettled(
    Array.from({ length: count }, async () => {
      const socket = await openConnect(port, target);
      await sendMessage(socket);
      return socket;
    }),
  );
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}

/** An answer is over when nothing has come for so long. */
const SILENCE_MS = 200;
/** With thousands at once, each may wait for its turn. */
const CONNECT_MS = 30_000;
const MESSAGE = 'a message of less than a hundred bytes, as a WebSocket would carry it';

module.exports = { connect, exchange, get, open, openConnect, openConnects, statusOf };
