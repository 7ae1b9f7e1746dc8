import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import WebSocket from 'ws';
import { BY_GATEWAY, setStage } from '../support/stage.js';
import { testWebSocketClient } from '../support/websocket-contract.js';

describe('ws with the agent of a session', () => {
  testWebSocketClient({
    form: 'connect',
    open({ session, sandbox }) {
      const agent = session.asNodeAgent();
      return (url) => new WebSocket(url, { agent, ca: sandbox.ca });
    },
  });
});

describe('ws that asks the proxy in absolute-form', () => {
  testWebSocketClient({
    schemes: ['ws'],
    form: 'absolute',
    open({ session }) {
      return (url) => new WebSocket(url, absoluteForm(session, url));
    },
  });
});

describe.each([
  { how: 'with the agent', optionsFor: (session) => ({ agent: session.asNodeAgent() }) },
  { how: 'in absolute-form', optionsFor: absoluteForm },
])('ws $how', ({ optionsFor }) => {
  test('is told that a name has no address', async () => {
    const { session, sandbox } = await setStage();
    const url = sandbox.sites[BY_GATEWAY].gatewayOnly.ws;

    const socket = new WebSocket(url, optionsFor(session, url));
    const [, response] = await once(socket, 'unexpected-response');
    onTestFinished(() => response.destroy());

    expect(response.statusCode).toBe(502);
    expect(response.statusMessage).toBe('ALUVIA_DNS_FAILED');
  });
});

/** Connects to the proxy, and names the whole URL in the request line. */
function absoluteForm({ host, port }, url) {
  return {
    createConnection: () => net.connect({ host, port }),
    finishRequest(request) {
      request.path = url.replace(/^ws:/, 'http:');
      request.end();
    },
  };
}
