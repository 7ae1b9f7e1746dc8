// @ts-check
'use strict';

/**
 * `npm run reliability`: measures what this package promises, promise by promise, beside proxy-chain, and writes the table of
 * `docs/reliability.md`.
 *
 *     --only ID   only this row, printed and not written; several with commas
 */

const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { endOnSignals } = require('./lib/children.js');
const { endWithOutside, insideDirectory, runInside } = require('./lib/namespace.js');
const { BENCH, ROOT, addon, prepare } = require('./lib/prepare.js');
const { toMarkdown, writePage } = require('./reliability/document.js');
const { UsageError, readOptions } = require('./reliability/options.js');

/**
 * @typedef {import('./reliability/rows/index.js').Row} Row
 * @typedef {import('./reliability/rows/index.js').Figure} Figure
 * @typedef {import('./reliability/subject.js').Peer} Peer
 */

async function main() {
  const args = process.argv.slice(2);
  const { rows, isWhole } = readOptions(args);
  if (!insideDirectory) {
    prepare({ isBuilt: true });
    addon();
    const code = await runInside([__filename, ...args]);
    if (code !== undefined) process.exit(code);
    console.log('- no network namespace of our own: the metadata address is not measured');
  }
  endOnSignals();
  if (insideDirectory) {
    endWithOutside();
    // What a cloud has there, on loopback: nothing leaves the namespace.
    spawnSync('ip', ['addr', 'add', '169.254.169.254/32', 'dev', 'lo']);
  }
  const results = [];
  for (const row of rows) {
    console.error(`> ${row.id}`);
    results.push({ row, figures: await measure(row) });
  }
  const table = toMarkdown(results, PEERS);
  console.log(table);
  if (isWhole) writePage(table);
  process.exit(results.some(({ figures }) => figures[0].isKept === false) ? 1 : 0);
}

/** What each proxy reaches, in their order. @param {Row} row @returns {Promise<Figure[]>} */
async function measure(row) {
  if (row.areTogether) return Promise.all(PEERS.map((peer) => figure(row, peer)));
  const figures = [];
  for (const peer of PEERS) figures.push(await figure(row, peer));
  return figures;
}

/** @param {Row} row @param {Peer} peer @returns {Promise<Figure>} */
async function figure(row, peer) {
  try {
    return await row.measure(peer);
  } catch (error) {
    return { text: `not measured: ${/** @type {Error} */ (error).message}`, isKept: false };
  }
}

/** @param {string} directory */
function versionIn(directory) {
  return JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8')).version;
}

/** @param {'proxy-chain-2' | 'proxy-chain-3'} id @returns {Peer} */
function proxyChain(id) {
  const { dependencies } = JSON.parse(readFileSync(path.join(BENCH, 'package.json'), 'utf8'));
  return { id, name: `proxy-chain ${dependencies[id].split('@').pop()}` };
}

/** @type {Peer[]} */
const PEERS = [
  { id: 'aluvia', name: `aluvia-node ${versionIn(ROOT)}` },
  proxyChain('proxy-chain-2'),
  proxyChain('proxy-chain-3'),
];

main().catch((error) => {
  console.error(error instanceof UsageError ? error.message : error);
  process.exit(error instanceof UsageError ? 2 : 1);
});
