import puppeteer from 'puppeteer-core';
import { expect, onTestFinished, test } from 'vitest';
import { BROWSER_RULES, CHROMIUM_ARGS, testBrowser } from '../support/browser-contract.mjs';
import { describeWith, chromium as executablePath } from '../support/programs.mjs';
import { BY_GATEWAY, DIRECT, setStage } from '../support/stage.mjs';

// Chromium goes past its proxy to loopback names, of which those of the sandbox are.
const EVEN_LOOPBACK = '<-loopback>';

describeWith(executablePath, 'Chromium')('Puppeteer with Chromium', () => {
  testBrowser({
    async launch(session) {
      const browser = await puppeteer.launch({
        executablePath,
        acceptInsecureCerts: true,
        args: [...session.asPuppeteer(), `--proxy-bypass-list=${EVEN_LOOPBACK}`, ...CHROMIUM_ARGS],
      });
      return {
        async newPage() {
          const context = await browser.createBrowserContext();
          onTestFinished(() => context.close());
          return await context.newPage();
        },
        close: () => browser.close(),
      };
    },
  });

  test('takes a session as the proxy of one context', async () => {
    const { session, sandbox } = await setStage({ rules: BROWSER_RULES });
    const browser = await puppeteer.launch({ executablePath, args: CHROMIUM_ARGS });
    onTestFinished(() => browser.close());

    const context = await browser.createBrowserContext({
      proxyServer: session.url,
      proxyBypassList: [EVEN_LOOPBACK],
    });
    const page = await context.newPage();
    await page.goto(sandbox.sites[BY_GATEWAY].http);
    await page.goto(sandbox.sites[DIRECT].http);

    expect(sandbox.sites[BY_GATEWAY].requests).toMatchObject([{ via: 'gateway' }]);
    expect(sandbox.sites[DIRECT].requests).toMatchObject([{ via: 'direct' }]);
    expect(sandbox.gateway.requests.map(({ host }) => host)).toContain(BY_GATEWAY);
    expect(sandbox.gateway.requests.map(({ host }) => host)).not.toContain(DIRECT);
  });
});
