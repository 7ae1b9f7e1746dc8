import { once } from 'node:events';
import net from 'node:net';
import { describe, expect } from 'vitest';
import { ApiError } from '../support/api-package.mjs';
import { run } from '../support/api-process.mjs';
import { ApiServer, send } from '../support/api-server.mjs';
import { failureOf, freePort, isAluviaError, TOKEN, test, until } from '../support/api-test.mjs';

function isApiError(error, statusCode) {
  isAluviaError(error, ApiError, 'ALUVIA_API');
  expect(error.statusCode).toBe(statusCode);
}

/** The error of a start to which the API answers so. */
async function refusal({ api, newClient }, status, body, headers) {
  api.answer = (_, response) => send(response, status, body, headers);
  return await failureOf(newClient().start());
}

describe('an API that cannot be reached is an ApiError without a status', () => {
  test('where nobody listens, with the cause', async ({ newClient }) => {
    const apiBaseUrl = `http://127.0.0.1:${await freePort()}`;

    const error = await failureOf(newClient({ apiBaseUrl }).start());

    isApiError(error, undefined);
    expect(error.cause).toBeInstanceOf(Error);
    expect(error.cause.code).toBe('ECONNREFUSED');
    expect(error.message).toMatch(/refused/);
  });

  test('where it resets the connection', async ({ api, newClient }) => {
    api.answer = (_, response) => response.socket.resetAndDestroy();

    const error = await failureOf(newClient().start());

    isApiError(error, undefined);
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('where it does not speak HTTP', async ({ newClient }) => {
    const server = net.createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const apiBaseUrl = `http://127.0.0.1:${server.address().port}`;

    const error = await failureOf(newClient({ apiBaseUrl }).start());

    isApiError(error, undefined);
    server.close();
  });

  test('where the body breaks off', async ({ api, newClient }) => {
    api.answer = (_, response) => {
      response.writeHead(200, { 'Content-Length': 1000 });
      response.write('{"data":', () => response.destroy());
    };

    isAluviaError(await failureOf(newClient().start()), ApiError, 'ALUVIA_API');
  });
});

describe('apiTimeoutMs', () => {
  test('ends a start to which nothing is answered', async ({ api, newClient }) => {
    api.hang();
    const before = performance.now();

    const error = await failureOf(newClient({ apiTimeoutMs: 150 }).start());

    isApiError(error, undefined);
    expect(error.message).toContain('150 ms');
    expect(performance.now() - before).toBeGreaterThanOrEqual(149);
    await until(() => expect(api.requests[0].wasCut).toBe(true));
  });

  test('is for the body too, which may drip', async ({ api, newClient }) => {
    const whole = JSON.stringify({ data: api.account });
    let dripped = 0;
    api.answer = (_, response) => {
      const drip = setInterval(() => response.write(whole[dripped++ % whole.length]), 10);
      response.on('close', () => clearInterval(drip));
    };

    const error = await failureOf(newClient({ apiTimeoutMs: 400 }).start());

    isAluviaError(error, ApiError, 'ALUVIA_API');
    expect(error.message).toContain('400 ms');
    expect(dripped).toBeGreaterThan(1);
    await until(() => expect(api.requests[0].wasCut).toBe(true));
  });

  test('is for all redirects together', async ({ api, newClient }) => {
    api.answer = (request, response) => {
      const next = `${request.path}x`;
      setTimeout(() => send(response, 307, '', { Location: next }), 90);
    };

    const error = await failureOf(newClient({ apiTimeoutMs: 150 }).start());

    expect(error.message).toContain('150 ms');
  });
});

describe('a redirect', () => {
  test.for([301, 302, 303, 307, 308])(
    '%i within the host is followed',
    async (status, { api, newClient }) => {
      api.answer = (request, response) => {
        if (request.path === '/v2/me') api.serve(request, response);
        else send(response, status, '', { Location: '/v2/me' });
      };

      const session = await newClient().start();

      expect(session.port).toBeGreaterThan(0);
      expect(api.requests).toMatchObject([
        { path: '/v1/user' },
        {
          path: '/v2/me',
          headers: { authorization: `Bearer ${TOKEN}`, accept: 'application/json' },
        },
      ]);
    },
  );

  test.for([301, 302, 303, 307, 308])(
    '%i to another port is not followed',
    async (status, { api, newClient }) => {
      const other = await ApiServer.start();
      const Location = `${other.baseUrl}/user`;

      const error = await refusal({ api, newClient }, status, '', { Location });

      isApiError(error, status);
      expect(error.message).toContain(other.origin);
      await other.close();
      expect(other.requests).toEqual([]);
    },
  );

  test.for([
    ['another name of the same machine', (api) => `http://localhost:${api.port}/v1/user`],
    ['a host without a scheme', (api) => `//127.0.0.2:${api.port}/v1/user`],
    ['a host after userinfo', (api) => `http://127.0.0.1:${api.port}@127.0.0.2:${api.port}/`],
    ['another scheme', (api) => `https://127.0.0.1:${api.port}/v1/user`],
    ['a file', () => 'file:///etc/passwd'],
    ['data', () => 'data:application/json,{}'],
  ])('to %s is not followed', async ([, location], { api, newClient }) => {
    const error = await refusal({ api, newClient }, 302, '', { Location: location(api) });

    isApiError(error, 302);
    expect(api.requests).toHaveLength(1);
  });

  test('that leads back to itself ends', async ({ api, newClient }) => {
    const error = await refusal({ api, newClient }, 307, '', { Location: '/v1/user' });

    isAluviaError(error, ApiError, 'ALUVIA_API');
    expect(api.requests.length).toBeLessThan(25);
  });

  // index.d.ts: "The status of the answer": no answer had another one.
  test('that leads back to itself has the status of the answer', async ({ api, newClient }) => {
    isApiError(await refusal({ api, newClient }, 307, '', { Location: '/v1/user' }), 307);
  });

  test.for([[{}], [{ Location: 'http://[' }], [{ Location: '' }]])(
    'to nowhere is an ApiError: %j',
    async ([headers], { api, newClient }) => {
      const error = await refusal({ api, newClient }, 302, { message: 'moved' }, headers);

      isAluviaError(error, ApiError, 'ALUVIA_API');
    },
  );
});

describe('an API over TLS', () => {
  // A site of the sandbox has a certificate by the sandbox's CA, and answers with the status that the path names.
  const at = (site) => site.https.replace('shop.localhost', '127.0.0.1');

  test('is trusted by ca', async ({ sandbox, newClient }) => {
    const apiBaseUrl = at(sandbox.sites['shop.localhost']);
    const client = newClient({ apiBaseUrl, configPath: '/status/401', ca: sandbox.ca });

    const error = await failureOf(client.start());

    expect(error).toMatchObject({ name: 'InvalidUserTokenError', statusCode: 401 });
  });

  test('is not trusted without', async ({ sandbox, newClient }) => {
    const site = sandbox.sites['shop.localhost'];
    const client = newClient({ apiBaseUrl: at(site), configPath: '/status/401' });

    const error = await failureOf(client.start());

    isApiError(error, undefined);
    expect(error.message).toMatch(/certificate/i);
    expect(site.requests).toEqual([]);
  });

  test('is not trusted under a name that the certificate does not have', async ({
    sandbox,
    newClient,
  }) => {
    const apiBaseUrl = at(sandbox.sites['shop.localhost']).replace('127.0.0.1', '127.0.0.2');
    const client = newClient({ apiBaseUrl, configPath: '/status/401', ca: sandbox.ca });

    isApiError(await failureOf(client.start()), undefined);
  });

  test('is trusted by NODE_EXTRA_CA_CERTS', async ({ sandbox, onTestFinished }) => {
    const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
    const folder = mkdtempSync('/tmp/aluvia-api-');
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(`${folder}/ca.pem`, sandbox.ca);
    const script = `
      const client = newClient({ configPath: '/status/403' });
      client.start().catch(({ name, statusCode }) => console.log(name, statusCode));`;
    const API = at(sandbox.sites['shop.localhost']);

    const { stdout } = await run(script, { env: { API, NODE_EXTRA_CA_CERTS: `${folder}/ca.pem` } });
    const without = await run(script, {
      env: { API, NODE_EXTRA_CA_CERTS: `${folder}/missing.pem` },
    });

    expect(stdout).toBe('InvalidUserTokenError 403\n');
    expect(without.stdout).toBe('ApiError undefined\n');
  });
});
