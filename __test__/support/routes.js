/** The two routes and the two schemes, as tables for tests, and what the gateway writes down. */

import { BY_GATEWAY, DIRECT } from './stage.js';

/** Each route, with the site that takes it and the gateway that it needs. */
export const ROUTES = [
  { way: 'directly', name: DIRECT, via: 'direct', gatewayProtocol: 'http' },
  { way: 'through the gateway', name: BY_GATEWAY, via: 'gateway', gatewayProtocol: 'http' },
  {
    way: 'through a gateway that speaks TLS',
    name: BY_GATEWAY,
    via: 'gateway',
    gatewayProtocol: 'https',
  },
];

/** Every scheme by every route. */
export const across = (schemes) =>
  schemes.flatMap((scheme) => ROUTES.map((route) => ({ scheme, ...route })));

export const isSecure = (scheme) => scheme === 'https' || scheme === 'wss';

/**
 * What the gateway's log has of one request.
 *
 * @param {import('@aluvia/aluvia-node/testing').Sandbox} sandbox
 * @param {object} request
 * @param {'connect' | 'absolute'} request.form how the client asks its proxy
 * @param {URL} request.url
 * @param {string} [request.method]
 * @param {number} [request.status] the site's
 */
export function gatewayEntry(sandbox, { form, url, method = 'GET', status = 200 }) {
  const common = {
    host: url.hostname,
    port: Number(url.port),
    username: sandbox.api.config.proxy_username,
  };
  if (form === 'connect') {
    return { ...common, kind: 'connect', method: 'CONNECT', path: null, status: 200 };
  }
  return { ...common, kind: 'http', method, path: url.pathname + url.search, status };
}
