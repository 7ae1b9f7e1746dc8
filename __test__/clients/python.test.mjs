import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { testHttpClient } from '../support/http-contract.mjs';
import { describeWith, python, run } from '../support/programs.mjs';
import { caFile } from '../support/trust.mjs';

const SCRIPT = fileURLToPath(new URL('../support/python-client.py', import.meta.url));

const WAYS = [
  { library: 'urllib', how: 'with a ProxyHandler', httpForm: 'absolute' },
  { library: 'http.client', how: 'with set_tunnel', httpForm: 'connect' },
];

const describePython = describeWith(python, 'python3');

for (const { library, how, httpForm } of WAYS) {
  describePython(`${library} of Python ${how}`, () => {
    testHttpClient({
      httpForm,
      seesRefusedConnect: failsWithReason,
      async open({ session, sandbox }) {
        const common = [SCRIPT, library, session.url, await caFile(sandbox.ca)];
        return { send: (url, request) => send(common, url, request) };
      },
    });
  });
}

/**
 * @param {string[]} common
 * @param {string} url
 * @param {{ method?: string, body?: Buffer }} [request]
 */
async function send(common, url, { method = 'GET', body } = {}) {
  const { code, stdout, stderr } = await run(python, [...common, method, url], body);
  if (code !== 0) throw new Error(stderr);
  const [, status, reason] = /^(\d+) (.*)$/.exec(stderr);
  return { status: Number(status), reason, body: stdout };
}

/** @param {Promise<unknown>} sent */
async function failsWithReason(sent) {
  await expect(sent).rejects.toThrow('Tunnel connection failed: 502 ALUVIA_DNS_FAILED');
}
