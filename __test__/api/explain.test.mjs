import { describe, expect } from 'vitest';
import { InvalidOptionError } from '../support/api-package.mjs';
import { RULES } from '../support/api-rules.mjs';
import {
  firstFrame,
  isAluviaError,
  messages,
  test,
  thrownBy,
  until,
} from '../support/api-test.mjs';

describe('explain', () => {
  test.for(RULES)('agrees with the table: %j', async ([rules, routes], { api, newClient }) => {
    api.account.rules = rules;
    const session = await newClient().start();

    const decided = Object.keys(routes).map((host) => [host, session.explain(host).route]);

    expect(Object.fromEntries(decided)).toEqual(routes);
  });

  test.for([
    ['https://shop.example.com/x', 'shop.example.com'],
    ['https://shop.example.com:8443/x?y#z', 'shop.example.com'],
    ['HTTP://user:pass@Shop.Example.COM./', 'shop.example.com'],
    ['wss://shop.example.com', 'shop.example.com'],
    ['shop.example.com', 'shop.example.com'],
    ['shop.example.com:443', 'shop.example.com'],
    ['shop.example.com.', 'shop.example.com'],
    ['münchen.example', 'xn--mnchen-3ya.example'],
    [new URL('https://shop.example.com/x'), 'shop.example.com'],
    [new URL('https://münchen.example:1/'), 'xn--mnchen-3ya.example'],
    ['http://127.1:80/', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
  ])('finds the host in %s', async ([urlOrHost, host], { newClient }) => {
    const session = await newClient().start();

    expect(session.explain(urlOrHost).host).toBe(host);
  });

  test.for(['::1', '[::1]', '[::1]:443', 'http://[0:0:0:0:0:0:0:1]/x', new URL('http://[::1]:5/')])(
    'spells IPv6 in one way: %s',
    async (urlOrHost, { newClient }) => {
      const session = await newClient().start();

      expect(session.explain(urlOrHost).host.replace(/^\[|\]$/g, '')).toBe('::1');
    },
  );

  test('says which rule decides, and why', async ({ api, newClient }) => {
    api.account.rules = ['  *.Example.com', '-news.example.com ', '*', 'www.example.com'];
    const session = await newClient().start();
    const explain = (host) => session.explain(host);

    expect(explain('shop.example.com')).toStrictEqual({
      host: 'shop.example.com',
      route: 'gateway',
      rule: '*.Example.com',
      reason: expect.stringMatching(/\w \w/),
      source: 'api',
    });
    expect(explain('news.example.com')).toMatchObject({
      route: 'direct',
      rule: '-news.example.com',
    });
    expect(explain('www.example.com')).toMatchObject({ route: 'gateway', rule: 'www.example.com' });
    expect(explain('other.example')).toMatchObject({ route: 'gateway', rule: '*' });
    expect(explain('localhost')).toMatchObject({ route: 'direct', rule: null });
  });

  test('has another reason for each kind of decision', async ({ api, newClient }) => {
    api.account.rules = ['*', '-out.example'];
    const session = await newClient().start();
    const empty = newClient();
    api.account.rules = [];
    const nothing = await empty.start();

    const reasons = ['in.example', 'out.example', 'localhost'].map(
      (host) => session.explain(host).reason,
    );
    reasons.push(nothing.explain('in.example').reason);

    expect(new Set(reasons).size).toBe(4);
  });

  test('gives each caller an explanation of its own', async ({ newClient }) => {
    const session = await newClient().start();

    session.explain('a.example').route = 'changed';

    expect(session.explain('a.example').route).toBe('direct');
  });

  test.for([
    ...[
      '',
      ' ',
      'http://',
      '://',
      'http://:80',
      'a b',
      '/path',
      '?',
      'http:///x',
      '[::1',
      'http://a..b/',
      '*',
    ],
    ...['256.1.1.1', 'http://exa mple.com/', 'https://', '*.example.com', 'a'.repeat(64)],
  ])('%j has no host in it', async (text, { newClient }) => {
    const session = await newClient().start();

    const { line } = firstFrame(new Error('here'));
    const error = thrownBy(() => session.explain(text));

    isAluviaError(error, InvalidOptionError, 'ALUVIA_INVALID_OPTION');
    expect(error.message).toMatch(/^urlOrHost must be/);
    expect(firstFrame(error)).toEqual({ file: 'explain.test.mjs', line: line + 1 });
  });

  test.for([
    [undefined],
    [null],
    [5],
    [{}],
    [['a.example']],
    [Symbol('a')],
    [{ toString: () => 'a.example' }],
  ])('does not take %o', async ([value], { newClient }) => {
    const session = await newClient().start();

    const { line } = firstFrame(new Error('here'));
    const error = thrownBy(() => session.explain(value));

    isAluviaError(error, InvalidOptionError, 'ALUVIA_INVALID_OPTION');
    expect(error.message).toMatch(/^urlOrHost must be a string or a URL/);
    expect(firstFrame(error)).toEqual({ file: 'explain.test.mjs', line: line + 1 });
  });
});

describe('an unusable rule', () => {
  const UNUSABLE = [
    'two words',
    'https://a.example',
    'a.example:443',
    'a*b',
    '*.',
    '-',
    '-a b',
    '',
  ];

  test('is skipped with one warning that names it, and breaks no other', async ({
    api,
    newClient,
    records,
  }) => {
    api.account.rules = ['a.example', ...UNUSABLE, 'b.example'];
    const session = await newClient().start();

    await until(() => expect(messages(records)).toContain('configuration loaded'));

    const warnings = records.filter(({ level }) => level === 'warn');
    expect(warnings.map(({ fields }) => fields.rule)).toEqual(UNUSABLE);
    expect(warnings.filter(({ fields }) => !/\w \w/.test(fields.reason))).toEqual([]);
    expect(session.explain('a.example').route).toBe('gateway');
    expect(session.explain('b.example').route).toBe('gateway');
  });

  test('is not warned of again at each poll', async ({ api, newClient, records }) => {
    api.account.rules = ['two words'];
    api.answer = (_, response) => api.tell(response, {});
    await newClient({ pollIntervalMs: 50 }).start();

    await until(() => expect(api.polls.length).toBeGreaterThan(3));

    expect(messages(records, 'warn')).toHaveLength(1);
  });

  test('that comes with a poll is warned of', async ({ api, newClient, records }) => {
    await newClient({ pollIntervalMs: 50 }).start();

    api.account.rules = ['a.example', 'two words'];

    await until(() => expect(messages(records, 'warn')).toHaveLength(1));
  });

  test('that is all that a poll adds is warned of', async ({ api, newClient, records }) => {
    api.account.rules = ['a.example'];
    await newClient({ pollIntervalMs: 50 }).start();

    api.account.rules = ['a.example', 'two words'];
    const polls = api.polls.length;
    await until(() => expect(api.polls.length).toBeGreaterThan(polls + 2));

    expect(messages(records, 'warn')).toHaveLength(1);
  });

  test('among very many does not flood the log', async ({ api, newClient, records }) => {
    api.account.rules = Array.from({ length: 5000 }, (_, index) => `bad rule ${index}`);
    await newClient().start();
    await until(() => expect(messages(records)).toContain('configuration loaded'));

    expect(messages(records, 'warn').length).toBeLessThan(50);
  });

  test('that is very long is not shown whole', async ({ api, newClient, records }) => {
    api.account.rules = [`a ${'b'.repeat(100_000)}`];
    await newClient().start();
    await until(() => expect(messages(records)).toContain('configuration loaded'));

    expect(records[0].fields.rule).toMatch(/^a bbb/);
    expect(records[0].fields.rule.length).toBeLessThan(300);
  });
});
