// @ts-check
'use strict';

/**
 * The order of a run: in each round every scenario, and in each scenario every proxy, one right after the other, so that whatever
 * else goes on meets all of them alike.
 */

const { setTimeout: sleep } = require('node:timers/promises');
const { format } = require('./figures.js');
const { warmUp } = require('./warm-up.js');

/**
 * @typedef {import('./figures.js').Figure} Figure
 * @typedef {import('./figures.js').Figures} Figures
 * @typedef {import('./peers.js').Peer} Peer
 * @typedef {import('./peers.js').Running} Running
 * @typedef {import('./peers.js').Setting} Setting
 * @typedef {import('./results.js').Results} Results
 * @typedef {import('../scenarios/scenario.js').Scenario} Scenario
 * @typedef {import('./stage.js').Stage} Stage
 */

/**
 * @typedef {object} Run
 * @property {Stage} stage
 * @property {Peer[]} peers
 * @property {Scenario[]} scenarios
 * @property {number} rounds
 * @property {Results} results
 * @property {boolean} isQuick
 */

/** @param {Run} run */
async function runRounds(run) {
  for (let round = 0; round < run.rounds; round += 1) {
    const cast = new Cast(run.stage);
    try {
      for (const scenario of run.scenarios) {
        if (round < (scenario.rounds ?? run.rounds)) await runScenario(run, scenario, round, cast);
      }
    } finally {
      await cast.stop();
    }
  }
}

/** @param {Run} run @param {Scenario} scenario @param {number} round @param {Cast} cast */
async function runScenario({ stage, peers, rounds, results, isQuick }, scenario, round, cast) {
  const times = isQuick ? QUICK_TIMES : TIMES;
  const taking = peers.filter(({ id }) => scenario.peers.includes(id));
  // Nobody is always the first, or always the one after the most demanding.
  const order = taking.map((_, index) => taking[(index + round) % taking.length]);
  for (const peer of order) {
    try {
      const figures = await scenario.measure({
        stage,
        times,
        shared: () => cast.shared(peer),
        fresh: (setting, use) => cast.fresh(peer, setting, use),
        tag: `r${round}-${peer.id}`,
      });
      results.add(scenario.id, peer.id, round, figures);
    } catch (error) {
      results.fail(scenario.id, peer.id, round, error);
    }
    await sleep(PAUSE_MS);
  }
  console.log(
    `${round + 1}/${rounds} ${scenario.title}: ${summary(results, scenario, taking, round)}`,
  );
}

/** @param {Results} results @param {Scenario} scenario @param {Peer[]} peers @param {number} round */
function summary(results, scenario, peers, round) {
  const parts = peers.map(({ id, name }) => {
    const failure = results.failures.find(
      (one) => one.scenario === scenario.id && one.peer === id && one.round === round,
    );
    const figures = results.samples(scenario.id, id)[round] ?? {};
    const main = SUMMARY.find((figure) => figures[figure] !== undefined);
    const value = main ? `${name} ${format(main, figures[main])}` : name;
    return failure ? `${value} (${failure.message})` : value;
  });
  return parts.join(', ');
}

/** The proxies of one round. */
class Cast {
  #stage;
  /** @type {Map<Peer, Promise<Running>>} */
  #shared = new Map();

  /** @param {Stage} stage */
  constructor(stage) {
    this.#stage = stage;
  }

  /** The process that a proxy has for this round, warm. @param {Peer} peer @returns {Promise<Running | undefined>} */
  async shared(peer) {
    if (peer.id === 'none') return undefined;
    const earlier = await this.#shared.get(peer);
    // One that has ended has failed a scenario, which says so; the others go on without it.
    if (earlier && !earlier.ended()) return earlier;
    const running = this.#startShared(peer);
    running.catch(() => this.#shared.delete(peer));
    this.#shared.set(peer, running);
    return running;
  }

  /**
   * @template T
   * @param {Peer} peer
   * @param {Partial<Setting>} setting
   * @param {(running: Running) => Promise<T>} use
   * @returns {Promise<T>}
   */
  async fresh(peer, setting, use) {
    const running = await peer.start(this.#stage, { ...this.#setting, ...setting });
    try {
      return await use(running);
    } finally {
      await running.stop();
    }
  }

  async stop() {
    for (const running of this.#shared.values()) {
      await running.then(
        ({ stop }) => stop(),
        () => {},
      );
    }
  }

  /** @param {Peer} peer */
  async #startShared(peer) {
    const running = await peer.start(this.#stage, this.#setting);
    if (running.host) await warmUp(this.#stage, running);
    return running;
  }

  /** @returns {Setting} */
  get #setting() {
    return { gatewayPort: this.#stage.ports.gateway, rules: 1 };
  }
}

/** What of a sample is shown while the run goes on. @type {Figure[]} */
const SUMMARY = ['cpu', 'rate', 'memory', 'steady', 'seconds', 'bothMs', 'decision', 'p50'];
/** Long enough for a median of hundreds of operations by the slowest, short enough for many rounds. */
const TIMES = { warmMs: 250, measureMs: 1000 };
const QUICK_TIMES = { warmMs: 150, measureMs: 400 };
/** For sockets to close, and for a garbage collector to begin. */
const PAUSE_MS = 60;

module.exports = { runRounds };
