import { describe, expect } from 'vitest';
import { startSandbox } from '../../lib/testing/index.js';
import { SHOP, test } from '../support/sandbox-test.mjs';

describe('options', () => {
  test.each([
    [null, 'options'],
    ['rules', 'options'],
    [{ rule: [] }, '"rule"'],
    [{ rules: 'shop.localhost' }, '"rules"'],
    [{ rules: [1] }, '"rules"'],
    [{ sites: [] }, '"sites"'],
    [{ sites: ['shop.example'] }, '"sites"'],
    [{ sites: ['localhost'] }, '"sites"'],
    [{ sites: ['Shop.localhost'] }, '"sites"'],
    [{ sites: ['-.localhost'] }, '"sites"'],
    [{ sites: [SHOP, SHOP] }, '"sites"'],
    [{ gatewayProtocol: 'socks5' }, '"gatewayProtocol"'],
    [{ token: '' }, '"token"'],
    [{ token: 'two words' }, '"token"'],
  ])('%j are refused, naming the culprit', async (options, culprit) => {
    const started = startSandbox(options);

    await expect(started).rejects.toThrow(TypeError);
    await expect(started).rejects.toThrow(culprit);
  });

  test('every option has a default', async ({ sandbox }) => {
    expect(Object.keys(sandbox.sites)).toEqual([SHOP, 'news.localhost', 'api.localhost']);
    expect(sandbox.clientOptions).toEqual({
      token: 'sandbox-token',
      apiBaseUrl: sandbox.api.baseUrl,
      gatewayProtocol: 'http',
      gatewayHost: '127.0.0.1',
      gatewayPort: sandbox.gateway.port,
      ca: sandbox.ca,
      pollIntervalMs: 100,
    });
  });

  test('sites, rules and token are those asked for', async () => {
    const sandbox = await startSandbox({ sites: ['a.b.localhost'], rules: ['*'], token: 'tok' });

    expect(sandbox.sites['a.b.localhost'].gatewayOnly.name).toBe('a.b.test');
    expect(sandbox.api.config.rules).toEqual(['*']);
    expect(sandbox.clientOptions.token).toBe('tok');
    await sandbox.stop();
  });
});
