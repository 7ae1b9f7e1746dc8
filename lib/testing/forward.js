// @ts-check
'use strict';

/** How the gateway passes on what it is asked in absolute-form: streamed, nothing kept back. */

const http = require('node:http');
const { pipeline } = require('node:stream');
const { endToEnd, renderHead, ROUTE_FIELDS, withHost } = require('./fields.js');
const { relay } = require('./relay.js');

/**
 * @import { Socket } from 'node:net'
 * @import { GatewayRequest } from '../../testing'
 *
 * @typedef {http.IncomingMessage} Message
 */

/**
 * @param {object} exchange
 * @param {Message} exchange.request
 * @param {http.ServerResponse} exchange.response
 * @param {GatewayRequest} exchange.entry
 * @param {() => Socket} exchange.dial
 */
function forwardRequest({ request, response, entry, dial }) {
  const fields = forwardedRequest(request, entry);
  // Without it Node would send the body of, say, a DELETE with nothing that says where it ends.
  if (request.headers['transfer-encoding']) fields.push('Transfer-Encoding', 'chunked');

  const upstream = ask(entry, fields, dial);
  upstream.on('response', (answer) => {
    entry.status = answer.statusCode ?? null;
    response.sendDate = false;
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, forwardedResponse(answer));
    response.flushHeaders();
    pipeline(answer, response, ignore);
  });
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  upstream.flushHeaders();
  request.pipe(upstream);
}

/**
 * @param {object} exchange
 * @param {Message} exchange.request
 * @param {Socket} exchange.socket
 * @param {Buffer} exchange.head what the client has sent after the request already
 * @param {GatewayRequest} exchange.entry
 * @param {() => Socket} exchange.dial
 */
function forwardUpgrade({ request, socket, head, entry, dial }) {
  const fields = [...forwardedRequest(request, entry), ...upgradeFields(request)];
  const upstream = ask(entry, fields, dial);
  upstream.on('upgrade', (answer, site, firstBytes) => {
    entry.status = answer.statusCode ?? null;
    socket.write(renderHead(answer, [...forwardedResponse(answer), ...upgradeFields(answer)]));
    socket.write(firstBytes);
    site.write(head);
    relay(socket, site);
  });
  upstream.on('response', (answer) => {
    entry.status = answer.statusCode ?? null;
    socket.write(renderHead(answer, [...forwardedResponse(answer), 'Connection', 'close']));
    pipeline(answer, socket, ignore);
  });
  upstream.on('error', () => socket.destroy());
  socket.on('close', () => upstream.destroy());
  upstream.end();
}

/**
 * @param {GatewayRequest} entry
 * @param {string[]} headers
 * @param {() => Socket} dial
 */
function ask({ method, path }, headers, dial) {
  return http.request({ method, path, headers, createConnection: dial });
}

/**
 * The target's authority wins over the Host that the client sent (RFC 9112 §3.2.2).
 * @param {Message} request
 * @param {GatewayRequest} entry
 */
function forwardedRequest({ rawHeaders }, { host, port }) {
  return [...withHost(endToEnd(rawHeaders), `${host}:${port}`), ...ROUTE];
}

/** @param {Message} response */
function forwardedResponse({ rawHeaders }) {
  return [...endToEnd(rawHeaders), ...ROUTE];
}

/** @param {Message} message */
function upgradeFields({ headers }) {
  return ['Connection', 'Upgrade', 'Upgrade', headers.upgrade ?? ''];
}

function ignore() {}

const ROUTE = Object.entries(ROUTE_FIELDS).flat();

module.exports = { forwardRequest, forwardUpgrade };
