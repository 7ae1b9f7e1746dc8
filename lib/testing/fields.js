// @ts-check
'use strict';

/**
 * Header fields as they stood on the wire: Node's `rawHeaders`, a flat list of names and values,
 * whose order and case a proxy leaves alone.
 */

/** @import { IncomingMessage } from 'node:http' */

/** What the gateway adds to requests and responses in absolute-form. */
const ROUTE_FIELDS = { 'X-Aluvia-Sandbox-Route': 'gateway' };

/**
 * The fields that a proxy passes on: all but those that belong to one connection (RFC 9110 §7.6.1).
 * @param {string[]} rawHeaders
 * @returns {string[]}
 */
function endToEnd(rawHeaders) {
  const fields = pairs(rawHeaders);
  const dropped = new Set(HOP_BY_HOP);
  for (const [name, value] of fields) {
    if (name.toLowerCase() !== 'connection') continue;
    for (const option of value.split(',')) dropped.add(option.trim().toLowerCase());
  }
  return fields.filter(([name]) => !dropped.has(name.toLowerCase())).flat();
}

/**
 * The same fields with another Host, which keeps its place.
 * @param {string[]} fields
 * @param {string} authority
 */
function withHost(fields, authority) {
  const isHost = (/** @type {string[]} */ [name]) => name.toLowerCase() === 'host';
  const all = pairs(fields);
  const place = Math.max(0, all.findIndex(isHost));
  const others = all.filter((field) => !isHost(field));
  others.splice(place, 0, ['Host', authority]);
  return others.flat();
}

/**
 * A response's head as bytes, for a socket that HTTP has let go of.
 * @param {IncomingMessage} response
 * @param {string[]} fields
 */
function renderHead({ statusCode, statusMessage }, fields) {
  const lines = pairs(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`HTTP/1.1 ${statusCode} ${statusMessage}\r\n${lines.join('')}\r\n`, 'latin1');
}

/** @param {string[]} flat */
function pairs(flat) {
  const list = [];
  for (let i = 0; i < flat.length; i += 2) list.push([flat[i], flat[i + 1]]);
  return list;
}

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

module.exports = { ROUTE_FIELDS, endToEnd, renderHead, withHost };
