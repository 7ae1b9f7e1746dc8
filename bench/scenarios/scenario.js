// @ts-check
'use strict';

/** What a scenario is, and what most of them share. */

const { runLoad } = require('../lib/load.js');

/**
 * @typedef {import('../lib/figures.js').Sample} Sample
 * @typedef {import('../lib/load.js').Load} Load
 * @typedef {import('../lib/load.js').Result} Result
 * @typedef {import('../lib/peers.js').Id} Id
 * @typedef {import('../lib/peers.js').Peer} Peer
 * @typedef {import('../lib/peers.js').Running} Running
 * @typedef {import('../lib/peers.js').Setting} Setting
 * @typedef {import('../lib/stage.js').Stage} Stage
 */

/** What rates and CPU times are told for. @typedef {'10,000 requests' | '10,000 connects' | '10,000 messages' | 'GB' | 'second'} Unit */

/** @typedef {{ warmMs: number, measureMs: number }} Times */

/**
 * What a scenario measures with.
 *
 * @typedef {object} Scene
 * @property {Stage} stage
 * @property {() => Promise<Running | undefined>} shared the proxy's process of this round, which has run warm; nothing for no proxy
 * @property {<T>(setting: Partial<Setting>, use: (running: Running) => Promise<T>) => Promise<T>} fresh gives it a process of its own
 * @property {Times} times
 * @property {string} tag which nothing else has
 */

/**
 * @typedef {object} Scenario
 * @property {string} id
 * @property {string} title
 * @property {Unit} [unit]
 * @property {Id[]} peers
 * @property {number} [rounds] at most, where the figure hardly varies
 * @property {boolean} isQuick whether `--quick` has it too
 * @property {(scene: Scene) => Promise<Sample>} measure
 */

/**
 * A load on the process that the scenarios of a round share.
 *
 * @param {Omit<Scenario, 'measure' | 'isQuick'> & { unit: Unit, load: Load, isQuick?: boolean }} plan
 * @returns {Scenario}
 */
function loadScenario({ load, isQuick = true, ...plan }) {
  return {
    ...plan,
    isQuick,
    async measure({ stage, shared, times }) {
      return figuresOf(plan.unit, await runLoad(stage, await shared(), timed(load, times)));
    },
  };
}

/** @param {Load} load @param {Times} times @returns {Load} */
function timed(load, { warmMs, measureMs }) {
  const times = ['--warm-ms', String(warmMs), '--measure-ms', String(measureMs)];
  return { ...load, args: [...load.args, ...times] };
}

/** @param {Unit} unit @param {Result} result @returns {Sample} */
function figuresOf(unit, result) {
  const { seconds, operations, bytes, cpu, latency, eventLoop } = result;
  const work = { second: seconds, GB: bytes / 1e9 }[String(unit)] ?? operations / 10_000;
  const others = result.machineCpu - (cpu ?? 0) - (result.serverCpu ?? 0) - result.loadCpu;
  return {
    cpu: cpu === null || work === 0 ? undefined : cpu / work,
    rate: unit === 'second' ? undefined : (unit === 'GB' ? work : operations) / seconds,
    p50: latency?.p50,
    p99: latency?.p99,
    utilization: eventLoop?.utilization,
    delayP99: eventLoop?.delayP99,
    errors: result.errors,
    problem: result.lastError ?? undefined,
    reconnects: result.reconnects,
    proxyCpu: cpu ?? undefined,
    serverCpu: result.serverCpu ?? undefined,
    loadCpu: result.loadCpu,
    foreignCpu: Math.max(0, others) / seconds,
    stolenCpu: result.stolenCpu / seconds,
  };
}

/** @type {Id[]} */
const HOSTS = ['aluvia', 'against', 'proxy-chain-2', 'proxy-chain-3'];

module.exports = { HOSTS, figuresOf, loadScenario, timed };
