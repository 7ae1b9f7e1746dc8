import https from 'node:https';
import axios from 'axios';
import { describe } from 'vitest';
import { testHttpClient } from '../support/http-contract.mjs';
import { trusting } from '../support/trust.mjs';

describe('Axios with the agent of a session', () => {
  testHttpClient({
    httpForm: 'connect',
    open({ session, sandbox }) {
      const agent = trusting(session.asNodeAgent(), sandbox.ca);
      return { send: sender({ httpAgent: agent, httpsAgent: agent, proxy: false }) };
    },
  });
});

describe('Axios with its option `proxy`', () => {
  testHttpClient({
    httpForm: 'absolute',
    open({ session, sandbox }) {
      const { host, port } = session;
      const httpsAgent = new https.Agent({ ca: sandbox.ca });
      return { send: sender({ httpsAgent, proxy: { protocol: 'http', host, port } }) };
    },
  });
});

/** @param {import('axios').CreateAxiosDefaults} defaults */
function sender(defaults) {
  const client = axios.create({
    ...defaults,
    responseType: 'arraybuffer',
    validateStatus: () => true,
  });
  return async (url, { method, body } = {}) => {
    const { status, statusText, data } = await client.request({ url, method, data: body });
    return { status, reason: statusText, body: data };
  };
}
