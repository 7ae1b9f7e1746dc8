// @ts-check
'use strict';

/** From what a user passes, all of it optional, to what the sandbox runs on. */

const { isListOfStrings } = require('./account.js');

/** @import { SandboxOptions } from '../../testing' */

/** @param {SandboxOptions} options */
function parseOptions(options) {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('The options must be an object');
  }
  for (const name of Object.keys(options)) {
    if (!NAMES.includes(name)) {
      throw new TypeError(`Unknown option "${name}"; known are ${NAMES.join(', ')}`);
    }
  }
  return {
    rules: parseRules(options.rules ?? []),
    sites: parseSites(options.sites ?? DEFAULT_SITES),
    gatewayProtocol: parseProtocol(options.gatewayProtocol ?? 'http'),
    token: parseToken(options.token ?? 'sandbox-token'),
  };
}

/**
 * @param {unknown} rules
 * @returns {string[]}
 */
function parseRules(rules) {
  if (isListOfStrings(rules)) return [...rules];
  throw new TypeError('"rules" must be an array of strings, for example ["*.example.com"]');
}

/**
 * @param {unknown} sites
 * @returns {string[]}
 */
function parseSites(sites) {
  if (!isListOfStrings(sites) || sites.length === 0) {
    throw new TypeError('"sites" must be an array of at least one name');
  }
  for (const name of sites) {
    if (!SITE_NAME.test(name) || name.length > LONGEST_NAME) {
      throw new TypeError(
        `"sites" must have names in lower case that end in .localhost; got ${JSON.stringify(name)}`,
      );
    }
  }
  if (new Set(sites).size < sites.length) throw new TypeError('"sites" must not repeat a name');
  return [...sites];
}

/**
 * @param {unknown} protocol
 * @returns {'http' | 'https'}
 */
function parseProtocol(protocol) {
  if (protocol === 'http' || protocol === 'https') return protocol;
  throw new TypeError('"gatewayProtocol" must be "http" or "https"');
}

/**
 * @param {unknown} token
 * @returns {string}
 */
function parseToken(token) {
  if (typeof token === 'string' && TOKEN.test(token)) return token;
  throw new TypeError('"token" must be a string of printable ASCII without spaces');
}

const NAMES = ['rules', 'sites', 'gatewayProtocol', 'token'];

const DEFAULT_SITES = ['shop.localhost', 'news.localhost', 'api.localhost'];

const SITE_NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+localhost$/;
const LONGEST_NAME = 253;

const TOKEN = /^[\x21-\x7e]+$/;

module.exports = { parseOptions, parseRules };
