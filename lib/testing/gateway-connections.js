// @ts-check
'use strict';

/**
 * The connections that the gateway has made to the sites, by which a site knows what came through
 * the gateway. It works below TLS, and no request can pretend.
 *
 * A connection is both of its ports: the system gives the same port to two clients at once as long
 * as they talk to different servers.
 */
class GatewayConnections {
  #open = /** @type {Set<string>} */ (new Set());

  /**
   * @param {number} gatewayPort
   * @param {number} sitePort
   */
  add(gatewayPort, sitePort) {
    this.#open.add(`${gatewayPort} ${sitePort}`);
  }

  /**
   * @param {number} gatewayPort
   * @param {number} sitePort
   */
  has(gatewayPort, sitePort) {
    return this.#open.has(`${gatewayPort} ${sitePort}`);
  }

  /**
   * @param {number} gatewayPort
   * @param {number} sitePort
   */
  delete(gatewayPort, sitePort) {
    this.#open.delete(`${gatewayPort} ${sitePort}`);
  }
}

module.exports = { GatewayConnections };
