// @ts-check
'use strict';

/** Whole, small HTTP answers as values, so that HTTP servers and bare sockets can send the same. */

const { STATUS_CODES } = require('node:http');

/**
 * @import { ServerResponse } from 'node:http'
 * @import { Socket } from 'node:net'
 *
 * @typedef {object} Answer
 * @property {number} status
 * @property {Record<string, string>} headers
 * @property {Buffer} body
 */

/**
 * @param {number} status
 * @param {string | object} [body] text, or what is to become JSON
 * @param {Record<string, string>} [headers] win over the fields that the body brings along
 * @returns {Answer}
 */
function answer(status, body = '', headers = {}) {
  const isText = typeof body === 'string';
  const bytes = Buffer.from(isText ? body : JSON.stringify(body));
  const defaults = {
    'Content-Type': isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8',
    'Content-Length': String(bytes.length),
  };
  // Neither may carry content (RFC 9110 §15.3.5, §15.4.5).
  if (status === 204 || status === 304) return { status, headers, body: Buffer.alloc(0) };
  return { status, headers: override(defaults, headers), body: bytes };
}

/**
 * An error in the shape that the Aluvia API uses.
 * @param {number} status
 * @param {string} message
 * @param {Record<string, string>} [headers]
 */
const errorAnswer = (status, message, headers) => answer(status, { error: { message } }, headers);

/**
 * Sends it as the response to a request.
 * @param {ServerResponse} response
 * @param {Answer} whole
 */
function send(response, { status, headers, body }) {
  response.writeHead(status, headers).end(body);
}

/**
 * Sends it on a socket that HTTP has let go of, which is why the socket closes afterwards.
 * @param {Socket} socket
 * @param {Answer} whole
 */
function sendLast(socket, whole) {
  // Unread bytes would turn the close into a reset.
  socket.resume();
  socket.end(render(whole));
}

/**
 * The bytes of it on a connection that closes afterwards.
 * @param {Answer} whole
 */
function render({ status, headers, body }) {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}`];
  for (const [name, value] of Object.entries(override(headers, { Connection: 'close' }))) {
    lines.push(`${name}: ${value}`);
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/**
 * @param {Record<string, string>} fields
 * @param {Record<string, string>} others
 */
function override(fields, others) {
  const taken = new Set(Object.keys(others).map((name) => name.toLowerCase()));
  const kept = Object.entries(fields).filter(([name]) => !taken.has(name.toLowerCase()));
  return { ...Object.fromEntries(kept), ...others };
}

module.exports = { answer, errorAnswer, render, send, sendLast };
