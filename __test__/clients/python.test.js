import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { testHttpClient } from '../support/http-contract.js';
import { describeWith, python, run } from '../support/programs.js';
import { caFile } from '../support/trust.js';

const SCRIPT = fileURLToPath(new URL('../support/python-client.py', import.meta.url));

const describePython = describeWith(python, 'python3');

describePython.for([
  { library: 'urllib', how: 'with a ProxyHandler', httpForm: 'absolute' },
  { library: 'http.client', how: 'with set_tunnel', httpForm: 'connect' },
])('$library of Python $how', ({ library, httpForm }) => {
  testHttpClient({
    httpForm,
    seesRefusedConnect: failsWithReason,
    async open({ session, sandbox }) {
      const authority = await caFile(sandbox.ca);
      return {
        async send(url, { method = 'GET', body } = {}) {
          const args = [SCRIPT, library, session.url, authority, method, url];
          const { code, stdout, stderr } = await run(python, args, body);
          if (code !== 0) throw new Error(stderr);
          const [, status, reason] = /^(\d+) (.*)$/.exec(stderr);
          return { status: Number(status), reason, body: stdout };
        },
      };
    },
  });
});

/** @param {Promise<unknown>} sent */
async function failsWithReason(sent) {
  await expect(sent).rejects.toThrow('Tunnel connection failed: 502 ALUVIA_DNS_FAILED');
}
