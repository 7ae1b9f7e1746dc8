// @ts-check
'use strict';

/**
 * Launch options of Playwright.
 *
 * @param {string} url
 */
exports.playwright = (url) => ({ server: url });

/**
 * Launch arguments of Chromium, for Puppeteer.
 *
 * @param {string} url
 */
exports.puppeteer = (url) => [`--proxy-server=${url}`];

/**
 * An agent of `node:http` that serves http and https targets, and keeps connections alive.
 *
 * @param {string} url
 * @returns {import('node:http').Agent}
 */
exports.nodeAgent = (url) => {
  const { HttpsProxyAgent } = require('https-proxy-agent');
  return new HttpsProxyAgent(url, { keepAlive: true });
};
