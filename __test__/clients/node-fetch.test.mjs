import fetch from 'node-fetch';
import { describe } from 'vitest';
import { testHttpClient } from '../support/http-contract.mjs';
import { trusting } from '../support/trust.mjs';

describe('node-fetch with the agent of a session', () => {
  testHttpClient({
    httpForm: 'connect',
    open({ session, sandbox }) {
      const agent = trusting(session.asNodeAgent(), sandbox.ca);
      return {
        async send(url, options) {
          const response = await fetch(url, { ...options, agent });
          const { status, statusText } = response;
          return { status, reason: statusText, body: Buffer.from(await response.arrayBuffer()) };
        },
      };
    },
  });
});
