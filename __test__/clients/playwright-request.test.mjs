import { request } from 'playwright-core';
import { describe } from 'vitest';
import { testHttpClient } from '../support/http-contract.mjs';

describe('APIRequestContext of Playwright', () => {
  testHttpClient({
    httpForm: 'connect',
    async open({ session }) {
      const context = await request.newContext({
        proxy: session.asPlaywright(),
        ignoreHTTPSErrors: true,
      });
      return {
        async send(url, { method, body } = {}) {
          const response = await context.fetch(url, { method, data: body });
          const answer = { status: response.status(), reason: response.statusText() };
          return { ...answer, body: await response.body() };
        },
        close: () => context.dispose(),
      };
    },
  });
});
