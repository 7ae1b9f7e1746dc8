// @ts-check
'use strict';

/** The figures that scenarios give, and how they are written. */

/**
 * What a scenario found of one proxy in one round. Times are in seconds unless the name says otherwise.
 *
 * @typedef {object} Figures
 * @property {number} [cpu] of the proxy, for the scenario's unit
 * @property {number} [rate] operations or GB a second
 * @property {number} [p50]
 * @property {number} [p99]
 * @property {number} [utilization] of the hosting script's event loop, from 0 to 1
 * @property {number} [delayP99] of that event loop
 * @property {number} [wakeups] of the proxy's threads, a second
 * @property {number} [memory] bytes for each connect
 * @property {number} [cold] round trips
 * @property {number} [steady]
 * @property {number} [burst]
 * @property {number} [seconds]
 * @property {number} [requireMs]
 * @property {number} [startMs]
 * @property {number} [bothMs]
 * @property {number} [resident] bytes
 * @property {number} [decision] nanoseconds
 * @property {number} [plainDecision]
 * @property {number} [ruleLoad] milliseconds
 * @property {number} [ruleMemory] bytes
 * @property {number} [errors]
 * @property {number} [reconnects]
 * @property {number} [proxyCpu] seconds in all
 * @property {number} [serverCpu]
 * @property {number} [loadCpu]
 * @property {number} [foreignCpu] CPUs that nobody of this run used
 * @property {number} [stolenCpu] CPUs that other machines on the same host used
 */

/** What went wrong meanwhile, if anything did. @typedef {Figures & { problem?: string }} Sample */

/** @typedef {keyof Figures} Figure */

/** Where more is better; of all others less is. @type {Figure[]} */
const MORE_IS_BETTER = ['rate'];

/** @type {Partial<Record<Figure, (value: number) => string>>} */
const FORMATS = {
  cpu: (value) => digits(value),
  rate: (value) => (value < 1000 ? digits(value) : Math.round(value).toLocaleString('en')),
  p50: milliseconds,
  p99: milliseconds,
  utilization: (value) => value.toFixed(3),
  delayP99: milliseconds,
  memory: kibibytes,
  cold: (value) => value.toFixed(2),
  steady: (value) => value.toFixed(2),
  burst: (value) => value.toFixed(2),
  resident: mebibytes,
  ruleMemory: mebibytes,
};

/** @param {Figure} figure @param {number | undefined} value */
function format(figure, value) {
  if (value === undefined) return '';
  return (FORMATS[figure] ?? digits)(value);
}

/** Three digits that say something. @param {number} value */
function digits(value) {
  if (value === 0 || value >= 100) return Math.round(value).toLocaleString('en');
  const places = Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(places);
}

/** @param {number} seconds */
function milliseconds(seconds) {
  return digits(seconds * 1000);
}

/** @param {number} bytes */
function kibibytes(bytes) {
  return (bytes / 1024).toFixed(2);
}

/** @param {number} bytes */
function mebibytes(bytes) {
  return (bytes / 1024 / 1024).toFixed(1);
}

/** @param {number[]} values @returns {number | undefined} nothing of nothing */
function median(values) {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

module.exports = { MORE_IS_BETTER, digits, format, median };
