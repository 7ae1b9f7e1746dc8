// @ts-check
'use strict';

/** What all proxies of a run are pointed at: origin, gateways, API and name server, in one process. */

const { copyFileSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { messages, start, stop } = require('./children.js');
const { insideDirectory } = require('./namespace.js');
const { ROOT, addon } = require('./prepare.js');

/**
 * @typedef {object} Ports
 * @property {number} http an origin, which terminates CONNECT too
 * @property {number} echo
 * @property {number} source
 * @property {number} sink
 * @property {number} gateway an HTTP proxy that asks for credentials
 * @property {number} far the same, 50 ms away
 * @property {number} api
 */

/**
 * @typedef {object} Stage
 * @property {Ports} ports
 * @property {number} pid
 * @property {string} username the gateway's
 * @property {string} password
 * @property {(name: string, text: string) => string} write a file that is gone afterwards; returns its path
 * @property {string} directory where such files are
 * @property {string} addon a copy of this package's: whoever builds meanwhile changes nothing that is measured, or mapped
 * @property {() => Promise<void>} stop
 */

/** @returns {Promise<Stage>} */
async function startStage() {
  const directory = insideDirectory ?? temporaryDirectory();
  const copy = path.join(directory, 'aluvia.node');
  copyFileSync(addon(), copy);
  const names = insideDirectory ? ['--dns', NAME_SERVER, '--dns-delay-ms', String(DNS_MS)] : [];
  const child = start(LOAD, ['serve', '--round-trip-ms', String(ROUND_TRIP_MS), ...names]);
  for await (const message of messages(child.stdout)) {
    if (message.event === 'error') throw new Error(`serve: ${message.message}`);
    const { username, password, ...ports } = message;
    return {
      ports: /** @type {Ports} */ (/** @type {unknown} */ (ports)),
      pid: Number(child.pid),
      username,
      password,
      directory,
      addon: copy,
      write(name, text) {
        const file = path.join(directory, name);
        writeFileSync(file, text);
        return file;
      },
      stop: () => stop(child),
    };
  }
  throw new Error('the load tool does not serve');
}

function temporaryDirectory() {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'aluvia-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const LOAD = path.join(ROOT, 'target', 'release', 'aluvia-load');
const NAME_SERVER = '127.0.0.1:53';
const DNS_MS = 200;
const ROUND_TRIP_MS = 50;

module.exports = { DNS_MS, LOAD, ROUND_TRIP_MS, startStage };
