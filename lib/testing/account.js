// @ts-check
'use strict';

/**
 * The one account that the sandbox has: what the API tells about it, and what the gateway lets in.
 */

const crypto = require('node:crypto');

/** @import { AccountConfig } from '../../testing' */

class Account {
  /** @type {AccountConfig} */
  #config;

  /** @param {string[]} rules */
  constructor(rules) {
    this.#config = { ...newCredentials(), rules: [...rules], session_id: null, target_geo: null };
  }

  /** A copy: changing it changes nothing here. */
  get config() {
    return { ...this.#config, rules: [...this.#config.rules] };
  }

  /** @param {Partial<AccountConfig>} changes */
  update(changes) {
    this.#config = { ...this.#config, ...changes };
  }

  rotateCredentials() {
    this.update(newCredentials());
  }

  /**
   * @param {{ username: string, password: string } | null} credentials
   * @returns {boolean}
   */
  accepts(credentials) {
    return (
      credentials?.username === this.#config.proxy_username &&
      credentials.password === this.#config.proxy_password
    );
  }
}

function newCredentials() {
  return {
    proxy_username: `sandbox-${crypto.randomBytes(4).toString('hex')}`,
    proxy_password: crypto.randomBytes(12).toString('hex'),
  };
}

/**
 * @param {unknown} value
 * @returns {value is string[]}
 */
function isListOfStrings(value) {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

module.exports = { Account, isListOfStrings };
