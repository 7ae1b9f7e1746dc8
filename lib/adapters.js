// @ts-check
'use strict';

/** @typedef {import('../index.js').LocalLogin} Login */

/**
 * Launch options of Playwright.
 *
 * @param {string} url
 * @param {Login} [login]
 */
exports.playwright = (url, login) => ({ server: url, ...login });

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
 * @param {Login} [login]
 * @returns {import('node:http').Agent}
 */
exports.nodeAgent = (url, login) => {
  const { HttpsProxyAgent } = require('https-proxy-agent');
  // In a closure, and not in the URL, which the agent shows to whoever inspects it.
  const headers = () => (login ? { 'Proxy-Authorization': authorization(login) } : {});
  return new HttpsProxyAgent(url, { keepAlive: true, headers });
};

/**
 * As RFC 7617 has it.
 *
 * @param {Login} login
 */
function authorization({ username, password }) {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/**
 * The URL with the user name and the password in it.
 *
 * @param {string} url
 * @param {Login} [login]
 */
exports.withLogin = (url, login) => {
  if (!login) return url;
  const userinfo = [login.username, login.password].map(encodeURIComponent).join(':');
  return url.replace('://', `://${userinfo}@`);
};
