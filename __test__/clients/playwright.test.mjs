import { chromium } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { BROWSER_RULES, CHROMIUM_ARGS, testBrowser } from '../support/browser-contract.mjs';
import { describeWith, chromium as executablePath } from '../support/programs.mjs';
import { BY_GATEWAY, DIRECT, setStage } from '../support/stage.mjs';

// Playwright itself lets Chromium ask its proxy for loopback names too, of which those of the
// sandbox are, unless the option `bypass` names one.

describeWith(executablePath, 'Chromium')('Playwright with Chromium', () => {
  testBrowser({
    async launch(session) {
      const proxy = session.asPlaywright();
      const browser = await chromium.launch({ executablePath, proxy, args: CHROMIUM_ARGS });
      return {
        async newPage() {
          const page = await browser.newPage({ ignoreHTTPSErrors: true });
          onTestFinished(() => page.close());
          return page;
        },
        close: () => browser.close(),
      };
    },
  });

  test('takes a session as the proxy of one context', async () => {
    const { session, sandbox } = await setStage({ rules: BROWSER_RULES });
    const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGS });
    onTestFinished(() => browser.close());

    const context = await browser.newContext({ proxy: session.asPlaywright() });
    const page = await context.newPage();
    await page.goto(sandbox.sites[BY_GATEWAY].http);
    await page.goto(sandbox.sites[DIRECT].http);

    expect(sandbox.sites[BY_GATEWAY].requests).toMatchObject([{ via: 'gateway' }]);
    expect(sandbox.sites[DIRECT].requests).toMatchObject([{ via: 'direct' }]);
    expect(sandbox.gateway.requests.map(({ host }) => host)).toContain(BY_GATEWAY);
    expect(sandbox.gateway.requests.map(({ host }) => host)).not.toContain(DIRECT);
  });
});
