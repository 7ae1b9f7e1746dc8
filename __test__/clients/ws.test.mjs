import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import WebSocket from 'ws';
import { BY_GATEWAY, setStage } from '../support/stage.mjs';
import { testWebSocketClient } from '../support/websocket-contract.mjs';

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

describe('ws that is told no address', () => {
  test.for([
    ['the agent', ({ session }) => ({ agent: session.asNodeAgent() })],
    ['absolute-form', ({ session }, url) => absoluteForm(session, url)],
  ])('sees the reason with %s', async ([, optionsFor]) => {
    const stage = await setStage({ rules: [] });
    const url = stage.sandbox.sites[BY_GATEWAY].gatewayOnly.ws;

    const socket = new WebSocket(url, optionsFor(stage, url));
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
