// @ts-check
'use strict';

/** Figures as a reader wants them. */

/** @param {number} value */
function milliseconds(value) {
  return value < 1000 ? `${Math.max(1, Math.round(value))} ms` : seconds(value);
}

/** @param {number} value in milliseconds */
function seconds(value) {
  return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`;
}

/** From the least to the most. @param {number[]} values */
function range(values) {
  const [least, most] = [Math.min(...values).toFixed(1), Math.max(...values).toFixed(1)];
  return least === most ? least : `${least} to ${most}`;
}

/** How often each occurs: `200 × 190, 503 × 10`. @param {(string | number)[]} values */
function spread(values) {
  /** @type {Map<string | number, number>} */
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const sorted = [...counts].sort(([, one], [, other]) => other - one);
  if (sorted.length === 1) return `${sorted[0][0]}`;
  return sorted.map(([value, count]) => `${value} × ${count}`).join(', ');
}

/** @param {number} bytes */
function kibibytes(bytes) {
  const value = bytes / 1024;
  return value < 1024 ? `${value.toFixed(0)} KiB` : `${(value / 1024).toFixed(1)} MiB`;
}

/** A growth. @param {number} bytes */
function mebibytes(bytes) {
  return `${bytes < 0 ? '−' : '+'}${Math.abs(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

module.exports = { kibibytes, mebibytes, milliseconds, range, seconds, spread };
