import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { buffer } from 'node:stream/consumers';
import tls from 'node:tls';
import { describe } from 'vitest';
import { testHttpClient } from '../support/http-contract.mjs';

describe('node:http and node:https with the agent of a session', () => {
  testHttpClient({
    httpForm: 'connect',
    open({ session, sandbox }) {
      const agent = session.asNodeAgent();
      return {
        send(url, { method, body } = {}) {
          const { request } = url.startsWith('https:') ? https : http;
          return exchange(request(url, { agent, ca: sandbox.ca, method }), body);
        },
      };
    },
  });
});

describe('node:http that asks the proxy by hand', () => {
  testHttpClient({
    httpForm: 'absolute',
    open({ session: { host, port }, sandbox }) {
      const agent = new http.Agent({ keepAlive: true });

      function sendInAbsoluteForm(url, { method, body } = {}) {
        const headers = { Host: new URL(url).host };
        return exchange(http.request({ agent, host, port, path: url, headers, method }), body);
      }

      async function sendThroughConnect(url, { method, body } = {}) {
        const { host: path, hostname: servername } = new URL(url);
        const connect = http.request({ host, port, method: 'CONNECT', path }).end();
        const [{ statusCode, statusMessage }, socket] = await once(connect, 'connect');
        if (statusCode !== 200) {
          socket.destroy();
          return { status: statusCode, reason: statusMessage, body: Buffer.alloc(0) };
        }
        const secured = tls.connect({ socket, servername, ca: sandbox.ca });
        const createConnection = () => secured;
        return await exchange(https.request(url, { createConnection, method }), body);
      }

      return {
        send: (url, options) =>
          url.startsWith('https:')
            ? sendThroughConnect(url, options)
            : sendInAbsoluteForm(url, options),
        close: () => agent.destroy(),
      };
    },
  });
});

/**
 * @param {http.ClientRequest} request
 * @param {Buffer} [body]
 */
async function exchange(request, body) {
  request.end(body);
  const [response] = await once(request, 'response');
  const { statusCode: status, statusMessage: reason } = response;
  return { status, reason, body: await buffer(response) };
}
