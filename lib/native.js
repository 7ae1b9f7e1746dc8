// @ts-check
'use strict';

const { createRequire } = require('node:module');

/** @typedef {typeof import('../binding.js')} Native */

/** @type {Native | undefined} */
let native;

/**
 * The native addon, loaded at its first use.
 *
 * The generated loader picks one of many platform packages by name. Bundlers that see its `require` calls try to resolve all
 * of them and fail, so it is hidden behind `createRequire`, and asked for by the package's own name: that works from a bundle
 * too, as long as the package is installed beside it.
 *
 * @returns {Native}
 */
exports.native = () => {
  native ??= /** @type {Native} */ (createRequire(__filename)('@aluvia/aluvia-node/binding'));
  return native;
};
