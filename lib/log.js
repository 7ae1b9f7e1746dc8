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
 * What the native side may call instead of a logger: it turns native records into public ones and never throws, since an
 * exception in such a call would end the process.
 *
 * The native side holds on to what it calls, where no garbage collector can see that it does. A logger that refers to its
 * session would never be let go: so it gets a function that refers to this object only weakly, and clients and sessions hold
 * this object.
 */
class Log {
  #logger;
  #isSilent;
  #hasFailed = false;

  /** @param {(record: LogRecord) => void} logger @param {string} level */
  constructor(logger, level) {
    this.#logger = logger;
    this.#isSilent = level === 'silent';
  }

  /** @param {string} message @param {Array<[string, string]>} [fields] */
  warn(message, fields = []) {
    if (!this.#isSilent) this.write({ level: 'warn', message, fields });
  }

  /** @returns {(record: import('../binding.js').NativeLogRecord) => void} */
  forNative() {
    const weak = new WeakRef(this);
    return (record) => weak.deref()?.write(record);
  }

  /** @param {import('../binding.js').NativeLogRecord} record */
  write({ level, message, fields }) {
    try {
      // Called as a function of its own, not as a method of this.
      const logger = this.#logger;
      /** @type {unknown} */
      const logged = logger({
        level: /** @type {LogRecord['level']} */ (level),
        message,
        fields: Object.fromEntries(fields),
        time: new Date(),
      });
      if (logged instanceof Promise) logged.catch((thrown) => this.#warnOnce(thrown));
    } catch (thrown) {
      this.#warnOnce(thrown);
    }
  }

  /** @param {unknown} thrown */
  #warnOnce(thrown) {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    process.emitWarning(`the logger has thrown: ${textOf(thrown)}`, { code: 'ALUVIA_LOGGER' });
  }
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

module.exports = { Log, writeToConsole };
