// @ts-check
'use strict';

/** `@aluvia/aluvia-node/testing`: everything that a client needs to run, without an account. */

const sandbox = require('./sandbox.js');

/** @import * as testing from '../../testing' */

// A cast, for what JSDoc cannot say: that `sites` has just the names asked for.
const startSandbox = /** @type {typeof testing.startSandbox} */ (sandbox.startSandbox);

module.exports = { startSandbox };
