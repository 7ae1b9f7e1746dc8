import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { send } from '../support/api-server.mjs';
import { changes, messages, TOKEN, test, until, visit } from '../support/api-test.mjs';

/** The shortest interval that there is. */
const POLLING = { pollIntervalMs: 50 };

describe.concurrent('a poll', () => {
  test('is conditional, and 304 changes nothing', async ({ api, newClient, records }) => {
    api.account.rules = ['shop.example'];
    const session = await newClient(POLLING).start();

    await until(() => expect(api.polls.length).toBeGreaterThan(3));

    const [first, ...rest] = api.polls.map(({ headers }) => headers['if-none-match']);
    expect(first).toBeUndefined();
    expect(new Set(rest)).toEqual(new Set([api.tag]));
    expect(session.explain('shop.example').route).toBe('gateway');
    expect(changes(records)).toEqual([]);
  });

  test('sends an entity tag back as it was, also a weak one', async ({ api, newClient }) => {
    const tags = ['W/"weak"', '"with, comma"', '""', 'unquoted'];
    const sent = [...tags];
    api.answer = (_, response) => api.tell(response, { ETag: sent.shift() ?? tags.at(-1) });

    await newClient(POLLING).start();
    await until(() => expect(api.polls.length).toBeGreaterThan(tags.length));

    const known = api.polls
      .slice(1, tags.length + 1)
      .map(({ headers }) => headers['if-none-match']);
    expect(known).toEqual(tags);
  });

  test('after a 200 without entity tag is unconditional', async ({ api, newClient }) => {
    let answers = 0;
    api.answer = (_, response) => {
      answers += 1;
      return api.tell(response, answers % 2 === 1 ? { ETag: `"${answers}"` } : {});
    };

    await newClient(POLLING).start();
    await until(() => expect(api.polls.length).toBeGreaterThan(4));

    const known = api.polls.slice(0, 5).map(({ headers }) => headers['if-none-match']);
    expect(known).toEqual([undefined, '"1"', undefined, '"3"', undefined]);
  });

  test('carries the token and asks for JSON', async ({ api, newClient }) => {
    await newClient(POLLING).start();
    await until(() => expect(api.polls).toHaveLength(2));

    expect(api.polls[1].headers).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      accept: 'application/json',
    });
  });

  test('comes about once in an interval', async ({ api, newClient }) => {
    await newClient({ pollIntervalMs: 200 }).start();
    await until(() => expect(api.polls).toHaveLength(5));

    // The first poll comes after a random part of the interval.
    const times = api.polls.slice(1).map(({ time }) => time);
    const gaps = times.slice(1).map((time, index) => time - times[index]);
    // Give or take a tenth, and what a busy machine takes to notice.
    expect(Math.min(...gaps)).toBeGreaterThan(120);
  });

  test('never comes where pollIntervalMs is 0', async ({ api, newClient }) => {
    await newClient({ pollIntervalMs: 0 }).start();

    await newClient({ ...POLLING, configPath: '/other' }).start();
    await until(() =>
      expect(api.polls.filter(({ path }) => path === '/v1/other').length).toBeGreaterThan(6),
    );

    expect(api.polls.filter(({ path }) => path === '/v1/user')).toHaveLength(1);
  });

  test('never comes while another one is under way', async ({ api, newClient }) => {
    api.answer = async (request, response) => {
      await sleep(120);
      api.serve(request, response);
    };

    await newClient(POLLING).start();
    await until(() => expect(api.polls.length).toBeGreaterThan(4));

    expect(api.mostRunning).toBe(1);
  });
});

describe.concurrent('a change that a poll brings', () => {
  test('applies to the next request', async ({ sandbox, newClient }) => {
    const session = await newClient({ ...sandbox.clientOptions, ...POLLING }).start();
    const ask = async () =>
      JSON.parse((await visit(session, `${sandbox.sites['shop.localhost'].http}/x`)).body).via;

    const before = await ask();
    sandbox.setRules(['shop.localhost']);
    await until(() => expect(session.explain('shop.localhost').route).toBe('gateway'));
    const included = await ask();
    sandbox.setRules(['shop.localhost', '-shop.localhost']);
    await until(() => expect(session.explain('shop.localhost').route).toBe('direct'));
    const excluded = await ask();

    expect([before, included, excluded]).toEqual(['direct', 'gateway', 'direct']);
  });

  test('may be one of the credentials', async ({ sandbox, newClient, records }) => {
    sandbox.setRules(['shop.localhost']);
    const session = await newClient({ ...sandbox.clientOptions, ...POLLING }).start();
    const url = `${sandbox.sites['shop.localhost'].http}/x`;
    expect((await visit(session, url)).status).toBe(200);

    sandbox.rotateCredentials();
    await until(() => expect(changes(records)).toHaveLength(1));

    expect((await visit(session, url)).status).toBe(200);
    expect(sandbox.gateway.requests.at(-1).username).toBe(sandbox.api.config.proxy_username);
  });

  test('replaces the whole configuration', async ({ api, newClient }) => {
    api.account.rules = ['a.example', 'b.example'];
    const session = await newClient(POLLING).start();

    api.account.rules = ['b.example', 'c.example'];
    await until(() => expect(session.explain('c.example').route).toBe('gateway'));

    expect(session.explain('a.example').route).toBe('direct');
    expect(session.explain('b.example').route).toBe('gateway');
  });

  test.for([
    ['rules', (account) => account.rules.push('new.example')],
    ['credentials', (account) => Object.assign(account, { proxy_password: 'new' })],
    ['credentials', (account) => Object.assign(account, { proxy_username: 'new' })],
    ['session id', (account) => Object.assign(account, { session_id: 'new' })],
    ['target geo', (account) => Object.assign(account, { target_geo: 'US' })],
    ['rules, session id', (account) => Object.assign(account, { rules: ['x'], session_id: 'new' })],
  ])('is logged once, naming the %s', async ([changed, change], { api, newClient, records }) => {
    await newClient(POLLING).start();

    change(api.account);
    const polls = api.polls.length;
    await until(() => expect(api.polls.length).toBeGreaterThan(polls + 2));

    expect(changes(records)).toEqual([expect.stringContaining(changed)]);
  });

  test('is none where the answer says the same in other words', async ({
    api,
    newClient,
    records,
  }) => {
    api.account.rules = ['shop.example'];
    await newClient(POLLING).start();
    api.answer = (_, response) => send(response, 200, { more: 1, ...api.account });

    await until(() => expect(api.polls.length).toBeGreaterThan(4));

    expect(changes(records)).toEqual([]);
  });
});

/** Ways in which a poll can fail. */
const FAULTS = [
  ['503', (response) => send(response, 503, '')],
  ['a reset connection', (response) => response.socket.resetAndDestroy()],
  ['HTML', (response) => send(response, 200, '<html>')],
  ['missing credentials', (response) => send(response, 200, { rules: [] })],
  [
    'rules that are no list',
    (response) => send(response, 200, { proxy_username: 'u', proxy_password: 'p', rules: 5 }),
  ],
  ['a body above 4 MiB', (response) => send(response, 200, 'x'.repeat(5 * 1024 * 1024))],
  [
    'a redirect to another host',
    (response) => send(response, 302, '', { Location: 'http://127.0.0.2:1/' }),
  ],
  ['nothing', () => {}],
];

describe.concurrent('an API that fails', () => {
  test.for(FAULTS)(
    'by %s keeps the last rules, and is said once',
    async ([, fail], { api, newClient, records }) => {
      api.account.rules = ['shop.example'];
      const session = await newClient({ ...POLLING, apiTimeoutMs: 100 }).start();
      const serve = api.answer;

      api.answer = (_, response) => fail(response);
      await until(() => expect(messages(records, 'warn')).toHaveLength(1));
      const failed = api.polls.length;
      await until(() => expect(api.polls.length).toBeGreaterThan(failed + 1));
      expect(session.explain('shop.example').route).toBe('gateway');
      api.answer = serve;
      api.account.rules = ['news.example'];
      await until(() => expect(messages(records, 'info')).toContain('the API answers again'));

      expect(session.explain('news.example').route).toBe('gateway');
      expect(messages(records, 'warn')).toHaveLength(1);
      expect(
        messages(records, 'info').filter((message) => message === 'the API answers again'),
      ).toHaveLength(1);
    },
  );

  test('again is said again', async ({ api, newClient, records }) => {
    await newClient(POLLING).start();
    const serve = api.answer;

    for (const round of [1, 2]) {
      api.answer = (_, response) => send(response, 500, '');
      await until(() => expect(messages(records, 'warn')).toHaveLength(round));
      api.answer = serve;
      await until(() =>
        expect(
          messages(records).filter((message) => message === 'the API answers again'),
        ).toHaveLength(round),
      );
    }
  });

  test('is asked less and less often', async ({ api, newClient }) => {
    await newClient(POLLING).start();
    api.answer = (_, response) => send(response, 500, '');

    await until(() => expect(api.polls).toHaveLength(7));

    // From the second poll on they fail: half of 100, 200, 400, 800 ms at least.
    const times = api.polls.slice(1).map(({ time }) => time);
    const gaps = times.slice(1).map((time, index) => time - times[index]);
    const least = [30, 70, 160, 340, 700];
    expect(gaps.map((gap, index) => gap >= least[index])).toEqual(least.map(() => true));
  });

  test('and recovers is asked as often as before', async ({ api, newClient }) => {
    await newClient(POLLING).start();
    const serve = api.answer;
    api.answer = (_, response) => send(response, 500, '');
    await until(() => expect(api.polls.length).toBeGreaterThan(4));
    api.answer = serve;
    const failed = api.polls.length;

    await until(() => expect(api.polls.length).toBeGreaterThan(failed + 4));

    const [first, , , last] = api.polls.slice(failed).map(({ time }) => time);
    expect(last - first).toBeLessThan(3 * 400);
  });

  test.for([401, 403])(
    'by %i is a warning that names the token',
    async (status, { api, newClient, records }) => {
      const session = await newClient(POLLING).start();
      api.answer = (_, response) => send(response, status, { error: { message: 'who are you?' } });

      await until(() => expect(messages(records, 'warn')).toHaveLength(1));

      const [{ message, fields }] = records.filter(({ level }) => level === 'warn');
      expect(message).toContain('token');
      expect(fields.error).toContain(String(status));
      expect(fields.error).toContain('who are you?');
      expect(session.explain('a.example').route).toBe('direct');
    },
  );

  // Issue: "401/403 while polling is a warning that names the token as the likely cause".
  test('by 401 after an outage is a warning that names the token', async ({
    api,
    newClient,
    records,
  }) => {
    await newClient(POLLING).start();
    api.answer = (_, response) => send(response, 503, '');
    await until(() => expect(messages(records, 'warn')).toHaveLength(1));

    api.answer = (_, response) => send(response, 401, '');
    const polls = api.polls.length;
    await until(() => expect(api.polls.length).toBeGreaterThan(polls + 1));

    expect(messages(records, 'warn').filter((message) => message.includes('token'))).toHaveLength(
      1,
    );
  });
});

describe.concurrent('Retry-After', () => {
  test.for([429, 503])('of a %i is obeyed', async (status, { api, newClient }) => {
    await newClient(POLLING).start();
    api.answer = (_, response) => send(response, status, '', { 'Retry-After': '1' });

    await until(() => expect(api.polls).toHaveLength(3));

    const [, asked, next] = api.polls.map(({ time }) => time);
    expect(next - asked).toBeGreaterThan(900);
  });

  test("may be a date, by the server's own clock", async ({ api, newClient }) => {
    const wrong = Date.UTC(2001, 1, 1);
    const headers = {
      Date: new Date(wrong).toUTCString(),
      'Retry-After': new Date(wrong + 1000).toUTCString(),
    };
    await newClient(POLLING).start();
    api.answer = (_, response) => send(response, 503, '', headers);

    await until(() => expect(api.polls).toHaveLength(3));

    const [, asked, next] = api.polls.map(({ time }) => time);
    expect(next - asked).toBeGreaterThan(900);
  });

  test.for([
    '',
    '-1',
    'soon',
    '0',
    '1e3',
    '99999999999999999999999',
    'Thu, 01 Jan 1970 00:00:00 GMT',
  ])('that makes no sense does not silence the client: %j', async (after, { api, newClient }) => {
    await newClient(POLLING).start();
    api.answer = (_, response) => send(response, 503, '', { 'Retry-After': after });

    await until(() => expect(api.polls.length).toBeGreaterThan(2));
  });

  test('does not hold stop up', async ({ api, newClient, records }) => {
    const client = newClient({ ...POLLING, drainTimeoutMs: 60_000 });
    await client.start();
    api.answer = (_, response) => send(response, 503, '', { 'Retry-After': '3600' });
    await until(() => expect(messages(records, 'warn')).toHaveLength(1));

    expect(await client.stop()).toBeUndefined();
  });
});

describe.concurrent('an answer that is older than an update', () => {
  test('is dropped', async ({ api, newClient }) => {
    api.account.rules = ['old.example'];
    const client = newClient(POLLING);
    const session = await client.start();
    const old = structuredClone(api.account);
    const held = holdNextPoll(api);
    await until(() => expect(held.response).toBeDefined());

    await client.updateRules(['new.example']);
    send(held.response, 200, { data: old }, { ETag: '"old"' });
    const polls = api.polls.length;
    await until(() => expect(api.polls.length).toBeGreaterThan(polls));

    // The poll after it does not take the tag of what was dropped for its own.
    expect(api.polls[polls].headers['if-none-match']).not.toBe('"old"');
    expect(session.explain('new.example').route).toBe('gateway');
    expect(session.explain('old.example').route).toBe('direct');
  });

  test('is dropped also where it fails', async ({ api, newClient }) => {
    const client = newClient(POLLING);
    const session = await client.start();
    const held = holdNextPoll(api);
    await until(() => expect(held.response).toBeDefined());

    await client.updateRules(['new.example']);
    send(held.response, 500, '');
    const polls = api.polls.length;
    await until(() => expect(api.polls.length).toBeGreaterThan(polls));

    expect(session.explain('new.example').route).toBe('gateway');
  });

  test('applies where the update was refused', async ({ api, newClient }) => {
    const client = newClient(POLLING);
    const session = await client.start();
    const held = holdNextPoll(api, (_, response) => send(response, 422, ''));
    await until(() => expect(held.response).toBeDefined());

    await expect(client.updateRules(['new.example'])).rejects.toThrow('422');
    api.account.rules = ['polled.example'];
    api.tell(held.response);

    await until(() => expect(session.explain('polled.example').route).toBe('gateway'));
  });
});

/** The next GET is kept waiting; all else is answered as usual, PATCH maybe otherwise. */
function holdNextPoll(api, patch = (request, response) => api.serve(request, response)) {
  const held = { response: undefined };
  api.answer = (request, response) => {
    if (request.method === 'PATCH') patch(request, response);
    else if (held.response) api.serve(request, response);
    else held.response = response;
  };
  return held;
}
