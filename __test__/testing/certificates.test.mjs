import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { startSandbox } from '../../lib/testing/index.js';
import { handshake, SHOP, test } from '../support/sandbox-test.mjs';

describe('certificates', () => {
  test('have what RFC 5280 asks for', async ({ sandbox, shop }) => {
    const authority = new X509Certificate(sandbox.ca);
    const server = new X509Certificate((await handshake(sandbox, shop)).raw);

    expect(authority.ca).toBe(true);
    expect(authority.verify(authority.publicKey)).toBe(true);
    expect(server.ca).toBe(false);
    expect(server.verify(authority.publicKey)).toBe(true);
    expect(server.checkIssued(authority)).toBe(true);
    expect(server.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    for (const name of [SHOP, 'shop.test', 'news.localhost', 'api.test', 'localhost']) {
      expect(server.checkHost(name)).toBe(name);
    }
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(server.checkHost('other.localhost')).toBeUndefined();
    expect(new Date(server.validFrom).getTime()).toBeLessThan(Date.now() - 3_500_000);
    const days = (new Date(server.validTo).getTime() - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThan(30.1);
  });

  test('are accepted by those who trust the authority, and by nobody else', async ({
    sandbox,
    shop,
  }) => {
    await expect(handshake(sandbox, shop)).resolves.toMatchObject({ subject: {} });
    await expect(handshake(sandbox, shop, { ca: undefined })).rejects.toThrow();
    const other = await startSandbox();
    await expect(handshake(sandbox, shop, { ca: other.ca })).rejects.toThrow();
    await other.stop();
  });

  test.skipIf(spawnSync('openssl', ['version']).status !== 0)(
    'pass the strict checks of OpenSSL, time after time',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'aluvia-sandbox-'));
      const openssl = (...args) => execFileSync('openssl', args, { cwd: folder }).toString();
      // Serial numbers, keys and signatures are random, and so is the length of their encodings.
      for (let round = 0; round < 10; round += 1) {
        const sandbox = await startSandbox();
        const { raw } = await handshake(sandbox, sandbox.sites[SHOP]);
        await sandbox.stop();
        writeFileSync(join(folder, 'ca.pem'), sandbox.ca);
        writeFileSync(join(folder, 'server.pem'), new X509Certificate(raw).toString());

        for (const name of ['shop.localhost', 'shop.test']) {
          const checks = ['-x509_strict', '-purpose', 'sslserver', '-verify_hostname', name];
          expect(openssl('verify', ...checks, '-CAfile', 'ca.pem', 'server.pem')).toMatch(/: OK/);
        }
        expect(openssl('verify', '-x509_strict', '-CAfile', 'ca.pem', 'ca.pem')).toMatch(/: OK/);
      }
      const authority = openssl('x509', '-in', 'ca.pem', '-noout', '-text');
      expect(authority).toMatch(/Basic Constraints: critical\s+CA:TRUE/);
      expect(authority).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/);
      expect(authority).toMatch(/Subject Key Identifier/);
      const server = openssl('x509', '-in', 'server.pem', '-noout', '-text');
      expect(server).toMatch(/Version: 3/);
      expect(server).toMatch(/Key Usage: critical\s+Digital Signature/);
      expect(server).toMatch(/Extended Key Usage:\s+TLS Web Server Authentication/);
      expect(server).toMatch(/Authority Key Identifier/);
      rmSync(folder, { recursive: true });
    },
  );
});
