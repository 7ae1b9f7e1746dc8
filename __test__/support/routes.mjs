/** The routes and the schemes, as tables for tests, and what the gateway's log has of each. */

import { expect } from 'vitest';
import { BY_GATEWAY, DIRECT } from './stage.mjs';

/** Each route, with the site that takes it and the gateway that it needs. */
const ROUTES = [
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
  schemes.flatMap((scheme) =>
    ROUTES.map((route) => ({ scheme, secure: isSecure(scheme), ...route })),
  );

export const isSecure = (scheme) => scheme === 'https' || scheme === 'wss';

/**
 * All that the gateway's log has after one request.
 *
 * @param {import('@aluvia/aluvia-node/testing').Sandbox} sandbox
 * @param {object} request
 * @param {'direct' | 'gateway'} request.via
 * @param {'connect' | 'absolute'} request.form how the client asks its proxy
 * @param {string} request.url
 * @param {string} [request.method]
 * @param {number} [request.status] the site's
 */
export function gatewayLog(sandbox, { via, form, url, method = 'GET', status = 200 }) {
  if (via === 'direct') return [];
  const { hostname: host, port, pathname, search } = new URL(url);
  const common = { host, port: Number(port), username: sandbox.api.config.proxy_username };
  const entry =
    form === 'connect'
      ? { kind: 'connect', method: 'CONNECT', path: null, status: 200 }
      : { kind: 'http', method, path: pathname + search, status };
  return [{ ...common, ...entry, time: expect.any(Number) }];
}
