// @ts-check
'use strict';

/** Where and of what a run was made. */

const { spawnSync } = require('node:child_process');
const { readFileSync, statSync } = require('node:fs');
const os = require('node:os');
const { median } = require('./figures.js');
const { ROOT } = require('./prepare.js');

/**
 * @typedef {object} Environment
 * @property {string} date
 * @property {string} commit with a `+` where the working tree differs from it
 * @property {string} cpu
 * @property {number} cores
 * @property {number} memoryGiB
 * @property {string} kernel
 * @property {string} congestionControl of TCP
 * @property {string} node
 * @property {number} rounds
 * @property {number} addonBytes
 * @property {number} foreignCpu CPUs that others used meanwhile
 * @property {number} stolenCpu
 */

/**
 * @param {import('./results.js').Results} results
 * @param {{ addon: string }} stage
 * @param {number} rounds
 * @returns {Environment}
 */
function environment(results, stage, rounds) {
  const git = (/** @type {string[]} */ ...args) =>
    spawnSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' }).stdout?.trim() ?? '';
  const samples = results.scenarios.flatMap(({ id }) =>
    results.peers.flatMap((peer) => results.samples(id, peer.id).filter((sample) => sample)),
  );
  const middle = (/** @type {'foreignCpu' | 'stolenCpu'} */ figure) =>
    median(samples.flatMap((sample) => sample?.[figure] ?? [])) ?? 0;
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') ? '+' : ''),
    cpu: os.cpus()[0].model,
    cores: os.cpus().length,
    memoryGiB: Math.round(os.totalmem() / 1024 ** 3),
    kernel: os.release(),
    congestionControl: readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim(),
    node: process.version,
    rounds,
    addonBytes: statSync(stage.addon).size,
    foreignCpu: middle('foreignCpu'),
    stolenCpu: middle('stolenCpu'),
  };
}

module.exports = { environment };
