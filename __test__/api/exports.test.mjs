import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import * as support from '../support/api-package.mjs';
import { run } from '../support/api-process.mjs';
import { test, thrownBy } from '../support/api-test.mjs';

const { startSandbox, ...aluvia } = support;
const DECLARED = declaredNames('../../index.d.ts');

test('require and import give the same classes', async () => {
  const script = `
    import { createRequire } from 'node:module';
    import whole, * as imported from '@aluvia/aluvia-node';
    const required = createRequire(process.cwd() + '/x.js')('@aluvia/aluvia-node');
    const names = Object.keys(required);
    console.log(JSON.stringify({
      imported: Object.keys(imported).filter((name) => !['default', 'module.exports'].includes(name)),
      isSame: names.every((name) => imported[name] === required[name] && whole[name] === required[name]),
    }));
  `;

  const { code, stdout, stderr } = await run(script, { isModule: true });

  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ imported: DECLARED, isSame: true });
});

test.for([
  [false, "const { AluviaClient, matchPattern } = require('@aluvia/aluvia-node');"],
  [true, "import { AluviaClient, matchPattern } from '@aluvia/aluvia-node';"],
])('a script works with ESM being %s', async ([isModule, head]) => {
  const script = `${head}
    new AluviaClient({ token: 'x' });
    console.log(matchPattern('a.example', '*.example'));`;

  const { code, stdout, stderr } = await run(script, { isModule, prelude: '' });

  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'true\n', stderr: '' });
});

test('loading the package does not load the addon, nor does a client that was refused', async () => {
  const script = `
    const before = Object.keys(require.cache).filter((path) => path.endsWith('.node'));
    require('@aluvia/aluvia-node');
    try { new (require('@aluvia/aluvia-node').AluviaClient)(); } catch {}
    const loaded = Object.keys(require.cache).filter((path) => path.endsWith('.node'));
    require('@aluvia/aluvia-node').matchPattern('a', 'a');
    const used = Object.keys(require.cache).filter((path) => path.endsWith('.node'));
    console.log(before.length, loaded.length, used.length);`;

  const { stdout } = await run(script, { prelude: '' });

  expect(stdout).toBe('0 0 1\n');
});

test('the package may be loaded twice', async ({ api }) => {
  const script = `
    const first = await newClient({ logLevel: 'silent' }).start();
    for (const path of Object.keys(require.cache)) delete require.cache[path];
    const again = require('@aluvia/aluvia-node');
    const options = { token: 'x', apiBaseUrl: process.env.API, logLevel: 'silent' };
    const second = await new again.AluviaClient(options).start();
    console.log(again.AluviaClient === AluviaClient, first.port === second.port);
    await first.stop();
    await second.stop();`;

  const { code, stdout, stderr } = await run(script, { api });

  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'false false\n', stderr: '' });
});

test('what index.d.ts declares is exported, and nothing else', () => {
  expect(DECLARED).toContain('AluviaClient');
  expect(Object.keys(aluvia).sort()).toEqual(DECLARED);
  expect(Object.values(aluvia).filter((value) => typeof value !== 'function')).toEqual([]);
});

describe('the errors', () => {
  test.for([
    'ApiError',
    'InvalidOptionError',
    'InvalidUserTokenError',
    'MissingUserTokenError',
    'ProxyStartError',
  ])('%s is an AluviaError and an Error', (name) => {
    expect(aluvia[name].prototype).toBeInstanceOf(aluvia.AluviaError);
    expect(aluvia[name].prototype).toBeInstanceOf(Error);
  });
});

test('a session cannot be made by hand', () => {
  const { AluviaClientSession } = aluvia;

  expect(thrownBy(() => new AluviaClientSession())).toBeInstanceOf(TypeError);
});

test('a client and a session have the members that index.d.ts declares, and no others', async ({
  newClient,
}) => {
  const client = newClient();
  const session = await client.start();

  expect(membersOf(client)).toEqual(['start', 'stop', 'updateRules', 'updateSessionId']);
  expect(membersOf(session)).toEqual(
    ['asNodeAgent', 'asPlaywright', 'asPuppeteer', 'close', 'explain', 'getUrl']
      .concat(['getLocalAuth', 'getUrlWithLogin', 'host', 'port', 'ref', 'stop', 'unref', 'url'])
      .sort(),
  );
});

function membersOf(object) {
  const own = Object.getOwnPropertyNames(object);
  const inherited = Object.getOwnPropertyNames(Object.getPrototypeOf(object));
  return [...own, ...inherited].filter((name) => name !== 'constructor').sort();
}

function declaredNames(path) {
  const declarations = readFileSync(new URL(path, import.meta.url), 'utf8');
  return [...declarations.matchAll(/^export (?:declare )?(?:class|function) (\w+)/gm)]
    .map(([, name]) => name)
    .sort();
}
