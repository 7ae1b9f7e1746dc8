import { describe, expect } from 'vitest';
import { InvalidOptionError, matchPattern, shouldProxy } from '../support/api-package.mjs';
import { RULES } from '../support/api-rules.mjs';
import { firstFrame, isAluviaError, test, thrownBy } from '../support/api-test.mjs';

/** The table of the documentation, and its corners: a pattern, hosts that it names, hosts that it does not. */
const PATTERNS = [
  [
    '*',
    [
      'example.com',
      'a.b.c.example',
      'host',
      '192.0.2.1',
      '2001:db8::1',
      '128.0.0.1',
      'localhost.example',
    ],
  ],
  [
    '*',
    [],
    [
      'localhost',
      'LOCALHOST.',
      'shop.localhost',
      'a.b.localhost',
      '127.0.0.1',
      '127.255.0.9',
      '::1',
    ],
  ],
  ['*', [], ['[::1]', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '2130706433', '0x7f.1', '127.1']],
  [
    'example.com',
    ['example.com', 'EXAMPLE.Com', 'example.com.', 'ｅxample.com', 'exam\u00adple.com'],
  ],
  [
    'example.com',
    [],
    ['www.example.com', 'example.com.evil.net', 'notexample.com', 'example.co', 'ex\u0430mple.com'],
  ],
  ['Example.COM.', ['example.com', 'example.com.'], ['example.org']],
  ['  example.com\t', ['example.com'], ['example.org']],
  [
    '*.example.com',
    [
      'www.example.com',
      'a.b.c.example.com',
      'WWW.EXAMPLE.COM.',
      '-.example.com',
      `${'*'.slice(1)}x.example.com`,
    ],
  ],
  [
    '*.example.com',
    [],
    [
      'example.com',
      'notexample.com',
      'www.example.com.evil.net',
      '.example.com',
      'example.com.www',
    ],
  ],
  ['*.com', ['example.com', 'a.b.com'], ['com', 'example.org']],
  [
    'google.*',
    ['google.com', 'google.co.uk', 'google.test', 'GOOGLE.DE.', 'google.com.au', 'google.xn--p1ai'],
  ],
  [
    'google.*',
    [],
    ['google.evil.com', 'www.google.com', 'google', 'notgoogle.com', 'google.com.evil.net'],
  ],
  // Only the ICANN part of the Public Suffix List: these are names of customers.
  ['google.*', [], ['google.github.io', 'google.blogspot.com', 'google.s3.amazonaws.com']],
  ['example.*', [], ['example.com.evil.net']],
  ['*.google.*', [], ['www.google.com', 'google.com']],
  [
    'münchen.example',
    ['xn--mnchen-3ya.example', 'MÜNCHEN.example', 'münchen.example', 'XN--MNCHEN-3YA.EXAMPLE'],
  ],
  ['xn--mnchen-3ya.example', ['münchen.example'], ['munchen.example']],
  ['*.münchen.example', ['www.xn--mnchen-3ya.example'], ['münchen.example']],
  ['faß.example', ['xn--fa-hia.example'], ['fass.example']],
  [
    '127.0.0.1',
    [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '::ffff:127.0.0.1',
      '[::ffff:7f00:1]',
    ],
  ],
  ['127.0.0.1', [], ['127.0.0.2', 'localhost', '::1']],
  ['::1', ['::1', '[::1]', '0:0:0:0:0:0:0:1', '[0::1]'], ['::2', '127.0.0.1']],
  ['[2001:DB8::1]', ['2001:db8::1', '[2001:db8:0:0::1]'], ['2001:db8::2']],
  ['::ffff:192.0.2.1', ['192.0.2.1'], ['192.0.2.2']],
  ['localhost', ['localhost', 'LOCALHOST.'], ['shop.localhost', '127.0.0.1']],
  ['*.localhost', ['shop.localhost', 'a.b.localhost'], ['localhost']],
  ['host_name.example', ['host_name.example'], ['host-name.example']],
  // A `-pattern` is a rule and no pattern.
  ['-example.com', [], ['example.com', '-example.com']],
  ['-*', [], ['example.com']],
  // What is no pattern names nothing.
  ['', [], ['', 'example.com']],
  ['**', [], ['example.com']],
  ['*example.com', [], ['example.com', 'wwwexample.com']],
  ['ex*mple.com', [], ['example.com']],
  ['www.*.com', [], ['www.example.com']],
  ['.example.com', [], ['www.example.com', 'example.com']],
  ['https://example.com', [], ['example.com']],
  ['example.com:443', [], ['example.com']],
  ['example.com/path', [], ['example.com']],
  ['exam ple.com', [], ['example.com', 'exam ple.com']],
  ['/.*/', [], ['example.com']],
  ['*.127.0.0.1', [], ['127.0.0.1', '1.127.0.0.1']],
];

/** No host names, whatever the pattern. */
const NO_HOSTS = [
  '',
  ' ',
  '.',
  'example.com ',
  ' example.com',
  'exam ple.com',
  'example..com',
  'example.com:443',
]
  .concat([
    'http://example.com',
    'user@example.com',
    '[::1',
    '::1]',
    '256.0.0.1',
    '1.2.3.4.5',
    'fe80::1%eth0',
  ])
  .concat([
    'example.com/',
    '%65xample.com',
    'exa\0mple.com',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(130)}com`,
  ]);

describe('matchPattern', () => {
  test.for(PATTERNS)('%j names %j and not %j', ([pattern, named, others = []]) => {
    expect(named.filter((host) => !matchPattern(host, pattern))).toEqual([]);
    expect(others.filter((host) => matchPattern(host, pattern))).toEqual([]);
  });

  test.for(NO_HOSTS)('%j is no host, and matches nothing', (host) => {
    expect(['*', host, `*${host}`].filter((pattern) => matchPattern(host, pattern))).toEqual([]);
  });

  test.for([
    [undefined, '*'],
    [null, '*'],
    [5, '*'],
    [['a'], '*'],
    [new URL('http://a'), '*'],
    ['a', undefined],
    ['a', null],
    ['a', /a/],
    ['a', ['*']],
  ])('does not take %o and %o', ([host, pattern]) => {
    const { line } = firstFrame(new Error('here'));
    const error = thrownBy(() => matchPattern(host, pattern));

    isAluviaError(error, InvalidOptionError, 'ALUVIA_INVALID_OPTION');
    expect(error.message).toMatch(
      typeof host === 'string' ? /^pattern must be/ : /^hostname must be/,
    );
    expect(firstFrame(error)).toEqual({ file: 'rules.test.mjs', line: line + 1 });
  });
});

describe('shouldProxy', () => {
  test.for(RULES)('with %j decides %j', ([rules, routes]) => {
    const decided = Object.keys(routes).map((host) => [host, shouldProxy(host, rules)]);

    expect(Object.fromEntries(decided)).toEqual(
      Object.fromEntries(
        Object.entries(routes).map(([host, route]) => [host, route === 'gateway']),
      ),
    );
  });

  test.for(NO_HOSTS)('sends %j nowhere', (host) => {
    expect(shouldProxy(host, ['*', host])).toBe(false);
  });

  test.for([
    [undefined, []],
    [5, []],
    ['a', undefined],
    ['a', '*'],
    ['a', ['*', 5]],
    ['a', [null]],
  ])('does not take %o and %o', ([host, rules]) => {
    const { line } = firstFrame(new Error('here'));
    const error = thrownBy(() => shouldProxy(host, rules));

    isAluviaError(error, InvalidOptionError, 'ALUVIA_INVALID_OPTION');
    expect(error.message).toMatch(
      typeof host === 'string' ? /^rules must be an array/ : /^hostname must be/,
    );
    expect(firstFrame(error)).toEqual({ file: 'rules.test.mjs', line: line + 1 });
  });

  test('takes rules that cannot be changed, and leaves others as they are', () => {
    const rules = Object.freeze([' *.example ', '-www.example']);

    expect(shouldProxy('shop.example', rules)).toBe(true);
    expect(rules).toEqual([' *.example ', '-www.example']);
  });
});
