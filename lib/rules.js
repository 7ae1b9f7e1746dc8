// @ts-check
'use strict';

const { showCaller } = require('./errors.js');
const { native } = require('./native.js');
const { checkString, checkStrings } = require('./options.js');

/**
 * @param {string} hostname
 * @param {string} pattern
 */
exports.matchPattern = (hostname, pattern) => {
  showCaller(exports.matchPattern, () => {
    checkString('hostname', hostname);
    checkString('pattern', pattern);
  });
  return native().matchPattern(hostname, pattern);
};

/**
 * @param {string} hostname
 * @param {readonly string[]} rules
 */
exports.shouldProxy = (hostname, rules) => {
  showCaller(exports.shouldProxy, () => {
    checkString('hostname', hostname);
    checkStrings('rules', rules);
  });
  return native().shouldProxy(hostname, /** @type {string[]} */ (rules));
};
