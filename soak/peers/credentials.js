// @ts-check
'use strict';

/**
 * Which credentials were in force, and until when. Those that were replaced stay good for a while: a poll that fails, as polls
 * do here, brings the new ones late.
 */
class Credentials {
  /** By the field's value, when they were replaced; null is not yet. @type {Map<string, number | null>} */
  #replaced = new Map();
  /** The longest time for which credentials were used after that. */
  oldestMs = 0;

  /** @param {{ proxy_username: string, proxy_password: string }} account */
  use({ proxy_username, proxy_password }) {
    const now = Date.now();
    for (const [field, since] of this.#replaced) {
      if (since === null) this.#replaced.set(field, now);
      else if (now - since > FORGET_MS) this.#replaced.delete(field);
    }
    const encoded = Buffer.from(`${proxy_username}:${proxy_password}`).toString('base64');
    this.#replaced.set(`Basic ${encoded}`, null);
  }

  /** @param {string | undefined} field @returns {string | null} */
  faultOf(field) {
    if (field === undefined) return 'the gateway was told no credentials';
    const since = this.#replaced.get(field);
    if (since === undefined) return 'the gateway was told unknown credentials';
    if (since === null) return null;
    const age = Date.now() - since;
    this.oldestMs = Math.max(this.oldestMs, age);
    return age > LATEST_MS
      ? `the gateway was told credentials that were replaced ${age} ms ago`
      : null;
  }
}

/** Some failed polls and the pauses after them; see `account.js` beside. */
const LATEST_MS = 15_000;
const FORGET_MS = 10 * LATEST_MS;

module.exports = { Credentials };
