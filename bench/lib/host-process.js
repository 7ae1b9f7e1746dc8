// @ts-check
'use strict';

/** A script that hosts a proxy (bench/peers/host.js), seen from outside. */

const { once } = require('node:events');
const { endOf, startScript, stop } = require('./children.js');

/**
 * @typedef {import('../peers/host.js').Ready} Ready
 * @typedef {import('../peers/host.js').EventLoop} EventLoop
 */

class Host {
  #child;
  ready;

  /**
   * @param {import('node:child_process').ChildProcess} child
   * @param {Ready} ready
   */
  constructor(child, ready) {
    this.#child = child;
    this.ready = ready;
  }

  /**
   * @param {string} script
   * @param {string[]} args
   * @param {Record<string, string>} env
   */
  static async start(script, args, env) {
    const child = startScript(script, args, env);
    const ended = once(child, 'exit').then(() => {
      throw new Error(`${script} ${endOf(child)}`);
    });
    const ready = once(child, 'message').then(([message]) => message.ready);
    ended.catch(() => {});
    return new Host(child, await Promise.race([ready, ended]));
  }

  get pid() {
    return Number(this.#child.pid);
  }

  /** From now on the event loop is looked at. */
  begin() {
    this.#child.send('begin');
  }

  /** Until now it was. @returns {Promise<EventLoop>} */
  async end() {
    const answer = once(this.#child, 'message', { signal: AbortSignal.timeout(LONGEST_MS) });
    this.#child.send('end');
    const [{ eventLoop }] = await answer;
    return eventLoop;
  }

  /** From now on the script computes, half of the time. */
  burn() {
    this.#child.send('burn');
  }

  /** How it has ended; nothing while it runs. */
  ended() {
    return endOf(this.#child);
  }

  stop() {
    return stop(this.#child);
  }
}

/** A script that says nothing for so long has ended, or will not come back. */
const LONGEST_MS = 10_000;

module.exports = { Host };
