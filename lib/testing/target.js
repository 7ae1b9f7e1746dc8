// @ts-check
'use strict';

/** Where a request to the gateway wants to go, in the two forms that a proxy is asked in. */

/**
 * @typedef {object} Target
 * @property {string} host in lower case
 * @property {number} port
 * @property {string | null} path null for a CONNECT
 */

/**
 * `host:port`, the form of a CONNECT (RFC 9112 §3.2.3).
 * @param {string} text
 * @returns {Target | null}
 */
function parseAuthorityForm(text) {
  const authority = parseAuthority(text);
  return authority?.port === undefined ? null : { ...authority, port: authority.port, path: null };
}

/**
 * `http://host[:port]/path?query`, the form of every other request (RFC 9112 §3.2.2). Path and
 * query stay as they are: URL would normalize them.
 * @param {string} text
 * @returns {Target | null}
 */
function parseAbsoluteForm(text) {
  const parts = ABSOLUTE_FORM.exec(text);
  const authority = parts && parseAuthority(parts[1]);
  if (!authority) return null;
  const path = parts[2].startsWith('/') ? parts[2] : `/${parts[2]}`;
  return { host: authority.host, port: authority.port ?? 80, path };
}

/** @param {string} text */
function parseAuthority(text) {
  const parts = AUTHORITY.exec(text);
  if (!parts) return null;
  const port = parts[2] === undefined ? undefined : Number(parts[2]);
  if (port !== undefined && (port < 1 || port > 65_535)) return null;
  return { host: parts[1].toLowerCase(), port };
}

const ABSOLUTE_FORM = /^http:\/\/([^/?#]+)([^#]*)$/i;
const AUTHORITY = /^([\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i;

module.exports = { parseAbsoluteForm, parseAuthorityForm };
