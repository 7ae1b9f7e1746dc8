import got from 'got';
import { describe } from 'vitest';
import { testHttpClient } from '../support/http-contract.mjs';

describe('got with the agent of a session', () => {
  testHttpClient({
    httpForm: 'connect',
    open({ session, sandbox }) {
      const agent = session.asNodeAgent();
      const client = got.extend({
        agent: { http: agent, https: agent },
        https: { certificateAuthority: sandbox.ca },
        responseType: 'buffer',
        retry: { limit: 0 },
        throwHttpErrors: false,
      });
      return {
        async send(url, options) {
          const { statusCode, statusMessage, rawBody } = await client(url, options);
          return { status: statusCode, reason: statusMessage, body: Buffer.from(rawBody) };
        },
      };
    },
  });
});
