import axios from 'axios';
import got from 'got';
import { chromium as playwright } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { ProxyAgent, fetch as undiciFetch } from 'undici';
import { describe, expect, onTestFinished } from 'vitest';
import { CHROMIUM_ARGS } from '../support/browser-contract.mjs';
import { getThrough, test, visitsAll } from '../support/local-auth.mjs';
import { curl, describeWith, chromium as executablePath, run } from '../support/programs.mjs';
import { BY_GATEWAY, DIRECT } from '../support/stage.mjs';
import { caFile, trusting } from '../support/trust.mjs';

describe('with the login', () => {
  test('the agent of a session serves http and https', async ({ session, sandbox }) => {
    const agent = trusting(session.asNodeAgent(), sandbox.ca);

    await visitsAll({ sandbox, ask: (url) => getThrough(agent, url) });
  });

  test('so does undici with the URL that has it', async ({ session, sandbox }) => {
    const uri = session.getUrlWithLogin();
    const dispatcher = new ProxyAgent({ uri, requestTls: { ca: sandbox.ca } });
    onTestFinished(() => dispatcher.destroy());

    await visitsAll({
      sandbox,
      ask: async (url) => (await undiciFetch(url, { dispatcher })).text(),
    });
  });

  test('so does Axios with the agent', async ({ session, sandbox }) => {
    const agent = trusting(session.asNodeAgent(), sandbox.ca);
    const options = { httpAgent: agent, httpsAgent: agent, proxy: false, responseType: 'text' };
    const transformResponse = (body) => body;

    await visitsAll({
      sandbox,
      ask: async (url) => (await axios.get(url, { ...options, transformResponse })).data,
    });
  });

  test('so does got with the agent', async ({ session, sandbox }) => {
    const agent = session.asNodeAgent();
    const client = got.extend({
      agent: { http: agent, https: agent },
      https: { certificateAuthority: sandbox.ca },
      retry: { limit: 0 },
    });

    await visitsAll({ sandbox, ask: (url) => client(url).text() });
  });

  describeWith(curl, 'curl')('so does', () => {
    test('curl with the URL that has it', async ({ session, sandbox }) => {
      const ca = await caFile(sandbox.ca);
      const common = ['-sS', '--cacert', ca, '--proxy', session.getUrlWithLogin()];

      await visitsAll({
        sandbox,
        ask: async (url) => (await run(curl, [...common, url])).stdout.toString(),
      });
    });
  });
});

describeWith(executablePath, 'Chromium')('Chromium', () => {
  test('of Playwright loads a page with what asPlaywright() has', async ({ session, sandbox }) => {
    const proxy = session.asPlaywright();
    const browser = await playwright.launch({ executablePath, proxy, args: CHROMIUM_ARGS });
    onTestFinished(() => browser.close());
    const page = await browser.newPage({ ignoreHTTPSErrors: true });

    for (const name of [DIRECT, BY_GATEWAY]) {
      for (const scheme of ['http', 'https']) {
        expect((await page.goto(`${sandbox.sites[name][scheme]}/`)).status()).toBe(200);
      }
    }
    expect(sandbox.sites[DIRECT].requests.every(({ via }) => via === 'direct')).toBe(true);
    expect(sandbox.sites[BY_GATEWAY].requests.every(({ via }) => via === 'gateway')).toBe(true);
  });

  test('of Puppeteer does so after page.authenticate', async ({ session, sandbox }) => {
    const args = [...session.asPuppeteer(), '--proxy-bypass-list=<-loopback>', ...CHROMIUM_ARGS];
    const options = { executablePath, args, acceptInsecureCerts: true };
    const browser = await puppeteer.launch(options);
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    await page.authenticate(session.getLocalAuth());

    for (const scheme of ['http', 'https']) {
      expect((await page.goto(`${sandbox.sites[BY_GATEWAY][scheme]}/`)).status()).toBe(200);
    }
    expect(sandbox.sites[BY_GATEWAY].requests.every(({ via }) => via === 'gateway')).toBe(true);
  });
});
