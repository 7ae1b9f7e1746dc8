// @ts-check
'use strict';

const { AluviaClient } = require('./lib/client.js');
const errors = require('./lib/errors.js');
const { matchPattern, shouldProxy } = require('./lib/rules.js');
const { AluviaClientSession } = require('./lib/session.js');

// One name a line: this is how `import { … }` finds the names of a CommonJS module.
exports.AluviaClient = AluviaClient;
exports.AluviaClientSession = AluviaClientSession;
exports.AluviaError = errors.AluviaError;
exports.ApiError = errors.ApiError;
exports.InvalidOptionError = errors.InvalidOptionError;
exports.InvalidUserTokenError = errors.InvalidUserTokenError;
exports.MissingUserTokenError = errors.MissingUserTokenError;
exports.ProxyStartError = errors.ProxyStartError;
exports.matchPattern = matchPattern;
exports.shouldProxy = shouldProxy;
