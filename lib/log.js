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
  const line = onOneLine(`[aluvia][${level}] ${message}${circumstances.join('')}`);
  if (level === 'error') console.error(line);
  else if (level === 'warn') console.warn(line);
  else console.log(line);
}

/**
 * What servers and rules say must not look like further lines, nor move the cursor.
 *
 * @param {string} text
 */
function onOneLine(text) {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (control) => {
    return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
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
  /** @param {unknown} thrown */
  const warnOnce = (thrown) => {
    if (hasFailed) return;
    hasFailed = true;
    process.emitWarning(`the logger has thrown: ${textOf(thrown)}`, { code: 'ALUVIA_LOGGER' });
  };
  return ({ level, message, fields }) => {
    try {
      /** @type {unknown} */
      const logged = logger({
        level: /** @type {LogRecord['level']} */ (level),
        message,
        fields: Object.fromEntries(fields),
        time: new Date(),
      });
      if (logged instanceof Promise) logged.catch(warnOnce);
    } catch (thrown) {
      warnOnce(thrown);
    }
  };
}

/**
 * Anything can be thrown, also what has no text.
 *
 * @param {unknown} thrown
 */
function textOf(thrown) {
  try {
    return String(thrown);
  } catch {
    return typeof thrown;
  }
}

module.exports = { guard, writeToConsole };
