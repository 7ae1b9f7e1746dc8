// @ts-check
'use strict';

/** The page that a site shows to a browser. */

/** @import { SiteRequest } from '../../testing' */

/**
 * Whether an Accept field wants HTML more than JSON (RFC 9110 §12.5.1).
 * @param {string} [accept]
 */
function prefersHtml(accept = '*/*') {
  return quality(accept, 'text/html') > quality(accept, 'application/json');
}

/**
 * @param {string} accept
 * @param {string} type
 * @returns {number} from 0 to 1, as the most specific range says
 */
function quality(accept, type) {
  const ranges = new Map(
    accept.split(',').map((item) => {
      const [range, ...parameters] = item
        .toLowerCase()
        .split(';')
        .map((part) => part.trim());
      const weight = parameters.find((parameter) => parameter.startsWith('q='));
      return [range, weight === undefined ? 1 : Number(weight.slice(2)) || 0];
    }),
  );
  return ranges.get(type) ?? ranges.get(`${type.split('/')[0]}/*`) ?? ranges.get('*/*') ?? 0;
}

/** @param {SiteRequest} request */
function page({ site, path, via, secure }) {
  const route = via === 'gateway' ? 'through the gateway' : 'direct';
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(site)}: ${route}</title>
<link rel="icon" href="data:,">
<style>
  body { margin: 0; min-height: 100vh; display: grid; place-content: center; text-align: center;
    font: 16px/1.6 system-ui, sans-serif; color: #fff; background: ${BACKGROUND[via]}; }
  h1 { margin: 0; font-size: 3rem; font-weight: 650; letter-spacing: -0.02em; }
  p { margin: 0; opacity: 0.85; }
  strong { display: inline-block; margin: 1rem 0; padding: 0.3rem 1.2rem; border-radius: 2rem;
    background: #fff3; }
</style>
<h1>${escapeHtml(site)}</h1>
<div><strong id="route" data-via="${via}">${route}</strong></div>
<p>${escapeHtml(path)} over ${secure ? 'https' : 'http'}</p>
</html>
`;
}

/** @param {string} text */
function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const BACKGROUND = { direct: '#175e4c', gateway: '#4a2a86' };

module.exports = { page, prefersHtml };
