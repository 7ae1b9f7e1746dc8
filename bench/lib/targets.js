// @ts-check
'use strict';

/** What the figures are to be, and whether they are. */

const { digits } = require('./figures.js');

/**
 * @typedef {import('./results.js').Results} Results
 * @typedef {import('./figures.js').Figure} Figure
 */

/**
 * One figure that is to be at least, or at most, something.
 *
 * @typedef {object} Target
 * @property {string} figure
 * @property {'least' | 'most'} bound
 * @property {number} limit
 * @property {number} [goal] which would be better still
 * @property {string} [unit]
 * @property {(results: Results) => number | undefined} value
 */

/** @typedef {{ figure: string, limit: string, goal: string, measured: string, verdict: 'goal' | 'met' | 'missed' | 'not measured' }} Verdict */

/**
 * How many times better than the better proxy-chain.
 *
 * @param {string} what
 * @param {string} scenario
 * @param {Figure} figure
 * @param {number} limit
 * @param {number} [goal]
 * @returns {Target}
 */
function better(what, scenario, figure, limit, goal) {
  const value = (/** @type {Results} */ results) => results.advantage(scenario, figure);
  return { figure: `${what}, against proxy-chain`, bound: 'least', limit, goal, unit: '×', value };
}

/**
 * How many times as much as haproxy.
 *
 * @param {string} what
 * @param {string} scenario
 * @param {number} limit
 * @param {number} [goal]
 * @returns {Target}
 */
function ofHaproxy(what, scenario, limit, goal) {
  const value = (/** @type {Results} */ results) => results.ratio(scenario, 'haproxy', 'cpu');
  return { figure: `${what}, against haproxy`, bound: 'most', limit, goal, unit: '×', value };
}

/**
 * @param {string} figure
 * @param {string} scenario
 * @param {Figure} of
 * @param {number} limit
 * @param {string} unit
 * @param {{ goal?: number, scale?: number }} [more]
 * @returns {Target}
 */
function plain(figure, scenario, of, limit, unit, { goal, scale = 1 } = {}) {
  const value = (/** @type {Results} */ results) => {
    const median = results.median(scenario, 'aluvia', of);
    return median === undefined ? undefined : median * scale;
  };
  return { figure, bound: 'most', limit, goal, unit, value };
}

/** What the script's event loop has to do for the busiest load, beyond what it has to do for none. @param {Results} results */
function utilizationAdded(results) {
  const idle = results.median('quiet', 'aluvia', 'utilization');
  const loaded = results.scenarios.flatMap(
    ({ id }) => results.median(id, 'aluvia', 'utilization') ?? [],
  );
  return idle === undefined || loaded.length === 0 ? undefined : Math.max(...loaded) - idle;
}

/** @param {number} addonBytes @returns {Target[]} */
function targets(addonBytes) {
  return [
    better('bulk down, CPU per GB', 'bulk-down', 'cpu', 4),
    better('bulk up, CPU per GB', 'bulk-up', 'cpu', 4),
    ofHaproxy('bulk down, CPU per GB', 'bulk-down', 0.4),
    ofHaproxy('bulk up, CPU per GB', 'bulk-up', 0.4),
    better('bulk down, GB/s', 'bulk-down', 'rate', 2.5),
    better('bulk up, GB/s', 'bulk-up', 'rate', 2.5),
    {
      figure: 'bulk down, GB/s, against no proxy',
      bound: 'least',
      limit: 0,
      goal: 0.5,
      unit: '×',
      value: (results) => results.ratio('bulk-down', 'none', 'rate'),
    },
    better('GET direct, CPU per request', 'http-128-64-direct', 'cpu', 5, 7),
    better('GET by gateway, CPU per request', 'http-128-64-gateway', 'cpu', 7, 9),
    ofHaproxy('GET direct, CPU per request', 'http-128-64-direct', 1.5, 1),
    ofHaproxy('GET by gateway, CPU per request', 'http-128-64-gateway', 1.1, 1),
    better('GET direct, rate', 'http-128-64-direct', 'rate', 4.5, 6),
    better('GET by gateway, rate', 'http-128-64-gateway', 'rate', 4.5, 6),
    better('GET direct, p99', 'http-128-64-direct', 'p99', 3, 5),
    better('GET by gateway, p99', 'http-128-64-gateway', 'p99', 3, 5),
    better('GET in the first second, CPU per request', 'first-second', 'cpu', 20),
    better('connects direct, CPU', 'connects-direct', 'cpu', 2.3),
    better('connects by gateway, CPU', 'connects-gateway', 'cpu', 3.2),
    better('connects direct, rate', 'connects-direct', 'rate', 2),
    better('connects by gateway, rate', 'connects-gateway', 'rate', 3),
    ofHaproxy('connects direct, CPU', 'connects-direct', 1),
    ofHaproxy('connects by gateway, CPU', 'connects-gateway', 1),
    plain('connect by a gateway 50 ms away, p50, warm', 'far', 'steady', 1.1, 'round trips'),
    plain('100 new names at 200 ms of DNS', 'names', 'seconds', 0.4, 's'),
    better('small messages, CPU', 'messages', 'cpu', 1.45),
    ofHaproxy('small messages, CPU', 'messages', Number.POSITIVE_INFINITY, 1),
    plain('memory of an idle connect', 'idle', 'memory', 3, 'KiB', { goal: 2.6, scale: 1 / 1024 }),
    better('memory of an idle connect', 'idle', 'memory', 4),
    {
      figure: 'event loop, utilisation added at full load',
      bound: 'most',
      limit: 0.01,
      value: utilizationAdded,
    },
    better('event loop, delay p99 at full load', 'http-128-64-direct', 'delayP99', 5),
    better('GET while the script is busy, p50', 'busy', 'p50', 10),
    { figure: 'the addon', bound: 'most', limit: 4, unit: 'MB', value: () => addonBytes / 1e6 },
    plain('require + start()', 'start', 'bothMs', 30, 'ms'),
    plain('100,000 rules, to load', 'rules-100000', 'ruleLoad', 1000, 'ms'),
    plain('100,000 rules, a decision', 'rules-100000', 'decision', 200, 'ns', { goal: 60 }),
    plain('100,000 rules, memory', 'rules-100000', 'ruleMemory', 30, 'MB', { scale: 1e-6 }),
  ];
}

/** @param {Results} results @param {number} addonBytes @returns {Verdict[]} */
function judge(results, addonBytes) {
  return targets(addonBytes).map(({ figure, bound, limit, goal, unit = '', value }) => {
    const measured = value(results);
    const isWithin = (/** @type {number} */ than) =>
      measured !== undefined && (bound === 'least' ? measured >= than : measured <= than);
    const verdict = () => {
      if (measured === undefined) return 'not measured';
      if (goal !== undefined && isWithin(goal)) return 'goal';
      return isWithin(limit) ? 'met' : 'missed';
    };
    const written = (/** @type {number | undefined} */ number) =>
      number === undefined || !Number.isFinite(number) || (bound === 'least' && number === 0)
        ? ''
        : `${digits(number)}${unit === '×' ? '' : ' '}${unit}`.trim();
    return {
      figure,
      limit:
        limit === 0 || !Number.isFinite(limit)
          ? ''
          : `${bound === 'least' ? '≥' : '≤'} ${written(limit)}`,
      goal: written(goal),
      measured: written(measured),
      verdict: verdict(),
    };
  });
}

module.exports = { judge };
