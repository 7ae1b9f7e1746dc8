// @ts-check
'use strict';

/** All samples of a run, and what they come to. */

const { MORE_IS_BETTER, median } = require('./figures.js');

/**
 * @typedef {import('./figures.js').Figure} Figure
 * @typedef {import('./figures.js').Figures} Figures
 * @typedef {import('./figures.js').Sample} Sample
 * @typedef {import('./peers.js').Id} Id
 * @typedef {import('./peers.js').Peer} Peer
 * @typedef {import('../scenarios/scenario.js').Scenario} Scenario
 */

/** The predecessor: ours has to be better than the better of both. @type {Id[]} */
const PREDECESSORS = ['proxy-chain-2', 'proxy-chain-3'];

class Results {
  /** By scenario and proxy: one sample for each round, with holes. @type {Map<string, (Figures | undefined)[]>} */
  #samples = new Map();
  /** @type {{ scenario: string, peer: string, round: number, message: string }[]} */
  failures = [];

  /**
   * @param {Scenario[]} scenarios
   * @param {Peer[]} peers
   */
  constructor(scenarios, peers) {
    this.scenarios = scenarios;
    this.peers = peers;
  }

  /** @param {string} scenario @param {Id} peer @param {number} round @param {Sample} sample */
  add(scenario, peer, round, { problem, ...figures }) {
    if (figures.errors) this.fail(scenario, peer, round, `${figures.errors} errors: ${problem}`);
    const key = `${scenario} ${peer}`;
    const rounds = this.#samples.get(key) ?? [];
    rounds[round] = figures;
    this.#samples.set(key, rounds);
  }

  /** @param {string} scenario @param {Id} peer @param {number} round @param {unknown} error */
  fail(scenario, peer, round, error) {
    const message = error instanceof Error ? error.message : String(error);
    this.failures.push({ scenario, peer, round, message });
  }

  /** @param {string} scenario @param {Id} peer */
  samples(scenario, peer) {
    return this.#samples.get(`${scenario} ${peer}`) ?? [];
  }

  /** @param {string} scenario @param {Id} peer @param {Figure} figure @returns {number | undefined} */
  median(scenario, peer, figure) {
    const values = this.samples(scenario, peer).map((sample) => sample?.[figure]);
    return median(values.filter((value) => value !== undefined));
  }

  /**
   * How many times as much of a figure ours has as another: the median of the ratios of each round, since what disturbs a round
   * disturbs both.
   *
   * @param {string} scenario
   * @param {Id} peer
   * @param {Figure} figure
   * @returns {number | undefined}
   */
  ratio(scenario, peer, figure) {
    const theirs = this.samples(scenario, peer);
    const ratios = this.samples(scenario, 'aluvia').map((ours, round) => {
      const [one, other] = [ours?.[figure], theirs[round]?.[figure]];
      return one === undefined || !other ? undefined : one / other;
    });
    return median(ratios.filter((ratio) => ratio !== undefined));
  }

  /**
   * How many times better ours is than the better of the two predecessors.
   *
   * @param {string} scenario
   * @param {Figure} figure
   * @returns {number | undefined}
   */
  advantage(scenario, figure) {
    const advantages = PREDECESSORS.flatMap((peer) => {
      const ratio = this.ratio(scenario, peer, figure);
      if (ratio === undefined) return [];
      return MORE_IS_BETTER.includes(figure) ? ratio : 1 / ratio;
    });
    return advantages.length === 0 ? undefined : Math.min(...advantages);
  }

  /** Everything, for `results.json`. */
  toJSON() {
    return {
      scenarios: this.scenarios.map(({ id, title, unit, peers }) => ({
        id,
        title,
        unit,
        peers: Object.fromEntries(
          this.peers
            .filter((peer) => peers.includes(peer.id) && this.samples(id, peer.id).length > 0)
            .map((peer) => [peer.id, this.#toJSON(id, peer.id)]),
        ),
      })),
      failures: this.failures,
    };
  }

  /** Each figure with its median and its rounds. @param {string} scenario @param {Id} peer */
  #toJSON(scenario, peer) {
    const samples = Array.from(this.samples(scenario, peer), (sample) => sample ?? {});
    const figures = /** @type {Figure[]} */ ([...new Set(samples.flatMap(Object.keys))]);
    const told = figures.flatMap((figure) => {
      const median = this.median(scenario, peer, figure);
      if (median === undefined) return [];
      // No errors are no news.
      if (NEWS.includes(figure) && samples.every((sample) => !sample[figure])) return [];
      const rounds = samples.map((sample) => brief(sample[figure]));
      return [[figure, { median: brief(median), rounds }]];
    });
    return Object.fromEntries(told);
  }
}

/** What is told only where there is any. @type {Figure[]} */
const NEWS = ['errors', 'reconnects', 'stolenCpu'];

/** Nobody measures six digits. @param {number | undefined} value */
function brief(value) {
  return value === undefined ? null : Number(value.toPrecision(5));
}

module.exports = { PREDECESSORS, Results };
