// @ts-check
'use strict';

/** A process that does what another one asks for, by messages: both of its ends. */

const { fork } = require('node:child_process');
const { once } = require('node:events');

/**
 * What a child can be asked for, by name.
 *
 * @typedef {Record<string, (argument: any) => unknown>} Orders
 */

/** The end in the child. It ends with its parent. @param {Orders} orders */
function obey(orders) {
  process.on(
    'message',
    async (/** @type {{ id: number, order: string, argument: any }} */ message) => {
      const { id, order, argument } = message;
      try {
        process.send?.({ id, answer: await orders[order](argument) });
      } catch (error) {
        process.send?.({
          id,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
      }
    },
  );
  process.on('disconnect', () => process.exit(0));
  // A signal from the terminal reaches everyone: the parent decides when this one ends.
  process.on('SIGINT', () => {});
}

/** The end in the parent. */
class Child {
  #child;
  #last = 0;
  /** @type {Map<number, { resolve: (answer: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  /** How it has ended, while nobody wanted it to; null as long as it runs. @type {string | null} */
  ended = null;

  /** @param {string} script */
  constructor(script) {
    this.#child = fork(script, { execArgv: [] });
    this.#child.on(
      'message',
      (/** @type {{ id: number, answer?: any, error?: string }} */ message) => {
        const { id, answer, error } = message;
        const waiting = this.#waiting.get(id);
        this.#waiting.delete(id);
        if (error === undefined) waiting?.resolve(answer);
        else waiting?.reject(new Error(error));
      },
    );
    this.#child.on('exit', (code, signal) => {
      this.ended = `ended by itself (${signal ?? `exit code ${code}`})`;
      for (const { reject } of this.#waiting.values()) reject(new Error(`${script} ${this.ended}`));
      this.#waiting.clear();
    });
  }

  /** @param {string} order @param {unknown} [argument] @returns {Promise<any>} */
  ask(order, argument) {
    if (this.ended !== null) return Promise.reject(new Error(this.ended));
    const id = ++this.#last;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.send({ id, order, argument });
    return answer;
  }

  async stop() {
    if (this.ended !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
    await exit;
  }
}

module.exports = { Child, obey };
