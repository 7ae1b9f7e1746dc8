import { describe, expect } from 'vitest';
import { ApiError, InvalidUserTokenError } from '../support/api-package.mjs';
import { send } from '../support/api-server.mjs';
import {
  failureOf,
  freePort,
  isAluviaError,
  isListening,
  TOKEN,
  test,
  until,
} from '../support/api-test.mjs';

const MIB = 1024 * 1024;
const WHOLE = { proxy_username: 'user', proxy_password: 'password', rules: [] };

function isApiError(error, statusCode) {
  isAluviaError(error, ApiError, 'ALUVIA_API');
  expect(error.statusCode).toBe(statusCode);
}

/** The error of a start to which the API answers so. */
async function refusal({ api, newClient }, status, body, headers) {
  api.answer = (_, response) => send(response, status, body, headers);
  return await failureOf(newClient().start());
}

describe('a token that the API does not accept', () => {
  test.for([401, 403])('is an InvalidUserTokenError on %i', async (status, { api, newClient }) => {
    const error = await refusal({ api, newClient }, status, {
      error: { message: 'Token revoked' },
    });

    isAluviaError(error, InvalidUserTokenError, 'ALUVIA_INVALID_USER_TOKEN');
    expect(error.statusCode).toBe(status);
    expect(error.message).toContain('Token revoked');
    expect(error.message).toContain('token');
    expect(error.message).not.toContain(TOKEN);
  });

  test('does not spoil a later start', async ({ api, newClient }) => {
    const client = newClient();
    const serve = api.answer;
    api.answer = (_, response) => send(response, 401, '');
    await failureOf(client.start());
    api.answer = serve;

    expect(await isListening((await client.start()).port)).toBe(true);
  });
});

describe('an answer with another status is an ApiError that has it', () => {
  test.for([400, 402, 404, 405, 409, 418, 422, 429, 500, 501, 502, 503, 504, 599, 302, 300])(
    '%i',
    async (status, { api, newClient }) => {
      const error = await refusal({ api, newClient }, status, { error: 'no luck today' });

      isApiError(error, status);
      expect(error.message).toContain(String(status));
      expect(error.message).toContain('no luck today');
    },
  );

  test('304 to a request that was not conditional', async ({ api, newClient }) => {
    isApiError(await refusal({ api, newClient }, 304, '', { ETag: '"x"' }), 304);
  });

  test('204', async ({ api, newClient }) => {
    isApiError(await refusal({ api, newClient }, 204, ''), 204);
  });
});

describe("the server's own words are in the message", () => {
  test.for([
    [{ error: { message: 'said so', code: 7 } }],
    [{ error: 'said so' }],
    [{ message: 'said so' }],
    [{ detail: 'said so' }],
    [{ success: false, error: { code: 'X', message: 'said so' } }],
  ])('from %j', async ([body], { api, newClient }) => {
    const error = await refusal({ api, newClient }, 422, body);

    expect(error.message).toContain('said so');
  });

  test('but no more than a little of them', async ({ api, newClient }) => {
    const error = await refusal({ api, newClient }, 500, {
      error: { message: `start ${'x'.repeat(50_000)}` },
    });

    expect(error.message).toContain('start xxx');
    expect(error.message.length).toBeLessThan(400);
  });

  test('also where they are letters of more than one unit', async ({ api, newClient }) => {
    const error = await refusal({ api, newClient }, 500, { message: '🦊'.repeat(1000) });

    expect(error.message).toContain('🦊🦊🦊');
    expect(error.message.length).toBeLessThan(600);
    expect(error.message.isWellFormed()).toBe(true);
  });

  test('on one line', async ({ api, newClient }) => {
    const error = await refusal({ api, newClient }, 500, {
      message: 'one\r\n\u001b[31mtwo\u2028three',
    });

    expect(error.message).toMatch(/one .*two three/);
    expect(error.message).not.toMatch(/[\p{Cc}\u2028]/u);
  });

  test('without the token, however often it is echoed', async ({ api, newClient }) => {
    const message = `no user for ${TOKEN} (Bearer ${TOKEN})`;

    const error = await refusal({ api, newClient }, 500, { error: { message } });

    expect(error.message).toContain('no user for');
    expect(error.stack).not.toContain(TOKEN);
  });

  test.for([
    '',
    '<h1>Bad Gateway</h1>',
    '{"error":',
    '[]',
    'null',
    '{"error":{}}',
    '{"error":{"message":7}}',
  ])('unless there are none: %j', async (body, { api, newClient }) => {
    const error = await refusal({ api, newClient }, 502, body);

    isApiError(error, 502);
    expect(error.message).toMatch(/502$/);
  });

  test('unless its body never ends', async ({ api, newClient }) => {
    api.answer = (_, response) => {
      response.writeHead(503);
      response.write(Buffer.alloc(300_000, 'x'));
    };

    isApiError(await failureOf(newClient({ apiTimeoutMs: 20_000 }).start()), 503);
  });
});

describe('a 200 that is no configuration is an ApiError', () => {
  test.for([
    ['HTML', '<!doctype html><title>Sign in</title>'],
    ['nothing', ''],
    ['half of a JSON text', '{"data":{"proxy_username":"us'],
    ['two JSON texts', `${JSON.stringify(WHOLE)}${JSON.stringify(WHOLE)}`],
    ['a JSON text in UTF-16', Buffer.from(JSON.stringify(WHOLE), 'utf16le')],
    ['bytes that are not UTF-8', Buffer.from('{"proxy_username":"\xff"}', 'latin1')],
    ['an array', '[]'],
    ['null', 'null'],
    ['a string', '"data"'],
    ['data that is null', { data: null }],
    ['data that is a list', { data: [WHOLE] }],
    ['an empty object', {}],
    ['a very deep one', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ])('%s', async ([, body], { api, newClient }) => {
    isApiError(await refusal({ api, newClient }, 200, body), 200);
  });

  test.for([
    ['proxy_username', undefined],
    ['proxy_username', null],
    ['proxy_username', ''],
    ['proxy_username', '  '],
    ['proxy_username', 7],
    ['proxy_password', undefined],
    ['proxy_password', null],
    ['proxy_password', ''],
    ['proxy_password', ['x']],
    ['rules', undefined],
    ['rules', null],
    ['rules', '*'],
    ['rules', { 0: '*' }],
    ['rules', ['a', 1]],
    ['rules', ['a', null]],
    ['rules', [['a']]],
  ])('%s is %j', async ([name, value], { api, newClient }) => {
    const error = await refusal({ api, newClient }, 200, { data: { ...WHOLE, [name]: value } });

    isApiError(error, 200);
    expect(error.message).toContain(name);
  });

  test.for(['\r\n', '\n', '\0', '\t', '\x1b', '\x7f', '\u0085'])(
    'credentials have the control character %j',
    async (control, { api, newClient }) => {
      for (const name of ['proxy_username', 'proxy_password']) {
        const data = { ...WHOLE, [name]: `canary${control}X-Injected: 1` };

        const error = await refusal({ api, newClient }, 200, { data });

        isApiError(error, 200);
        expect(error.message).toContain(name);
        expect(error.message).not.toContain('canary');
      }
    },
  );

  test('nothing listens then', async ({ api, newClient }) => {
    const localPort = await freePort();
    api.answer = (_, response) => send(response, 200, '<html>');

    isApiError(await failureOf(newClient({ localPort }).start()), 200);

    expect(await isListening(localPort)).toBe(false);
  });
});

test('credentials may have any other character', async ({ api, newClient }) => {
  Object.assign(api.account, { proxy_username: 'ü 😀"\\', proxy_password: ' :%@/?#ß\u00a0 ' });

  expect(await newClient().start()).toHaveProperty('port');
});

describe('a body above 4 MiB', () => {
  const padding = 'x'.repeat(4 * MIB);

  test.for([
    ['told by its length', { 'Content-Length': 4 * MIB + 2 }],
    ['in chunks', { 'Transfer-Encoding': 'chunked' }],
  ])('is an ApiError, %s', async ([, headers], { api, newClient }) => {
    const error = await refusal({ api, newClient }, 200, JSON.stringify(padding), headers);

    isAluviaError(error, ApiError, 'ALUVIA_API');
    expect(error.message).toContain('4 MiB');
  });

  // index.d.ts: "The status of the answer, where there was one."
  test('has the status of the answer', async ({ api, newClient }) => {
    isApiError(await refusal({ api, newClient }, 200, JSON.stringify(padding)), 200);
  });

  test('is given up early, however large it is', async ({ api, newClient }) => {
    let sent = 0;
    api.answer = (_, response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write(padding)) sent += 1;
        sent += 1;
      };
      response.on('drain', more);
      more();
    };

    isAluviaError(await failureOf(newClient().start()), ApiError, 'ALUVIA_API');

    await until(() => expect(api.requests[0].wasCut).toBe(true));
    expect(sent).toBeLessThan(20);
  });

  test('is read where it is just below', async ({ api, newClient }) => {
    const envelope = JSON.stringify({ ...WHOLE, padding: '' }).length;
    const body = JSON.stringify({ ...WHOLE, padding: 'x'.repeat(4 * MIB - envelope) });
    api.answer = (_, response) => send(response, 200, body);

    expect(body).toHaveLength(4 * MIB);
    expect(await newClient().start()).toHaveProperty('port');
  });
});
