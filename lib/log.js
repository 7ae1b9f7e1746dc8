// @ts-check
'use strict';

/** @typedef {import('../index.js').LogRecord} LogRecord */

/**
 * Writes a record to the console: `[aluvia][info] configuration loaded rules=3`.
 *
 * @param {LogRecord} record
 */
function writeToConsole({ level, message, fields }) {
  const circumstances = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`);
  const line = `[aluvia][${level}] ${message}${circumstances.join('')}`;
  if (level === 'error') console.error(line);
  else if (level === 'warn') console.warn(line);
  else console.log(line);
}

/**
 * A function that the native side may call: it turns native records into public ones and never throws, since an exception in
 * such a call would end the process.
 *
 * @param {(record: LogRecord) => void} logger
 * @returns {(record: import('../binding.js').NativeLogRecord) => void}
 */
function guard(logger) {
  let hasFailed = false;
  return ({ level, message, fields }) => {
    try {
      logger({
        level: /** @type {LogRecord['level']} */ (level),
        message,
        fields: Object.fromEntries(fields),
        time: new Date(),
      });
    } catch (error) {
      if (hasFailed) return;
      hasFailed = true;
      process.emitWarning(`the logger has thrown: ${error}`, { code: 'ALUVIA_LOGGER' });
    }
  };
}

module.exports = { guard, writeToConsole };
