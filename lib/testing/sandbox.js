// @ts-check
'use strict';

/** Puts the sandbox together, and owns the lifetime of its parts. */

const { Account } = require('./account.js');
const { FakeApi } = require('./api.js');
const { CertificateAuthority } = require('./certificate.js');
const { FakeGateway } = require('./gateway.js');
const { GatewayConnections } = require('./gateway-connections.js');
const { parseOptions, parseRules } = require('./options.js');
const { gatewayOnlyName, PLAIN_LOOPBACK, Sites } = require('./sites.js');

/** @import * as testing from '../../testing' */

/** @implements {testing.Sandbox<string>} */
class Sandbox {
  #account;
  #sites;
  #stopped = /** @type {Promise<void> | null} */ (null);

  /** @param {ReturnType<typeof parseOptions>} settings */
  constructor({ rules, sites: names, gatewayProtocol: protocol, token }) {
    const authority = new CertificateAuthority();
    const identity = authority.issue([...names, ...names.map(gatewayOnlyName), ...PLAIN_LOOPBACK]);
    const gatewayConnections = new GatewayConnections();
    const account = new Account(rules);
    const sites = new Sites({ names, identity, gatewayConnections });
    this.#account = account;
    this.#sites = sites;
    this.token = token;
    this.ca = authority.certificate;
    this.api = new FakeApi({ account, token });
    this.gateway = new FakeGateway({ protocol, identity, account, sites, gatewayConnections });
  }

  async start() {
    try {
      await this.api.start();
      await this.#sites.start();
      await this.gateway.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  get sites() {
    return this.#sites.byName;
  }

  get clientOptions() {
    return {
      token: this.token,
      apiBaseUrl: this.api.baseUrl,
      gatewayProtocol: this.gateway.protocol,
      gatewayHost: this.gateway.host,
      gatewayPort: this.gateway.port,
      ca: this.ca,
      pollIntervalMs: POLL_INTERVAL,
    };
  }

  /** @param {string[]} rules */
  setRules(rules) {
    this.#account.update({ rules: parseRules(rules) });
  }

  rotateCredentials() {
    this.#account.rotateCredentials();
  }

  stop() {
    this.#stopped ??= Promise.all([this.api.stop(), this.gateway.stop(), this.#sites.stop()]).then(
      () => {},
    );
    return this.#stopped;
  }

  // Node before 18.18 has no such symbol; there this is one more method, under a useless name.
  [Symbol.asyncDispose]() {
    return this.stop();
  }
}

/**
 * @param {testing.SandboxOptions} [options]
 * @returns {Promise<Sandbox>}
 */
async function startSandbox(options = {}) {
  const sandbox = new Sandbox(parseOptions(options));
  await sandbox.start();
  return sandbox;
}

// Often enough that a person or a test does not wait for a change.
const POLL_INTERVAL = 100;

module.exports = { startSandbox };
