// @ts-check
'use strict';

/** What `npm run reliability` is told. */

const { parseArgs } = require('node:util');
const { ROWS } = require('./rows/index.js');

/** A way to call it that is none; its message is for whoever called. */
class UsageError extends Error {}

/**
 * @param {string[]} args
 * @returns {{ rows: import('./rows/index.js').Row[], isWhole: boolean }}
 * @throws {UsageError}
 */
function readOptions(args) {
  const { only } = parse(args);
  if (only.length === 0) return { rows: ROWS, isWhole: true };
  const known = ROWS.map(({ id }) => id);
  const unknown = only.find((id) => !known.includes(id));
  if (unknown !== undefined) {
    throw new UsageError(`--only takes one of ${known.join(', ')}; not '${unknown}'`);
  }
  return { rows: ROWS.filter(({ id }) => only.includes(id)), isWhole: false };
}

/** @param {string[]} args */
function parse(args) {
  try {
    const { values } = parseArgs({
      args,
      options: { only: { type: 'string', multiple: true, default: [] } },
    });
    return { only: (values.only ?? []).flatMap((ids) => ids.split(',')) };
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

module.exports = { UsageError, readOptions };
