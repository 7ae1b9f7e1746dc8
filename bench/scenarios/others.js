// @ts-check
'use strict';

/** What needs a process of its own, or is no load at all. */

const { runLoad, runTool } = require('../lib/load.js');
const { DESCRIPTORS } = require('../lib/programs.js');
const { DNS_MS, ROUND_TRIP_MS } = require('../lib/stage.js');
const { SPREAD, get } = require('./loads.js');
const { HOSTS, figuresOf, timed } = require('./scenario.js');

/**
 * @typedef {import('../lib/load.js').Load} Load
 * @typedef {import('../lib/peers.js').Running} Running
 * @typedef {import('./scenario.js').Scenario} Scenario
 */

/** Whoever lives in a script that computes waits for it. @type {Scenario} */
const busy = {
  id: 'busy',
  title: 'GET 128 B, 1,000 a second, script busy',
  unit: '10,000 requests',
  peers: HOSTS,
  isQuick: true,
  measure: ({ stage, fresh, times }) =>
    fresh({}, async (running) => {
      const load = get(64);
      await runLoad(stage, running, timed(load, { warmMs: 200, measureMs: 800 }));
      running.host?.burn();
      const paced = { ...load, args: [...load.args, '--rate', '1000'] };
      const result = await runLoad(stage, running, timed(paced, times));
      // The rest is what the script does, not what the proxy does.
      const { p50, p99, rate, errors, problem } = figuresOf('10,000 requests', result);
      return { p50, p99, rate, errors, problem };
    }),
};

/** @type {Scenario} */
const firstSecond = {
  id: 'first-second',
  title: 'GET 128 B, first second after the start',
  unit: '10,000 requests',
  peers: [...HOSTS, 'haproxy'],
  isQuick: true,
  measure: ({ stage, fresh }) =>
    fresh({}, async (running) => {
      const load = timed(get(64), { warmMs: 0, measureMs: 1000 });
      return figuresOf('10,000 requests', await runLoad(stage, running, load));
    }),
};

/** @type {Scenario} */
const quiet = {
  id: 'quiet',
  title: 'nothing to do',
  unit: 'second',
  peers: [...HOSTS, 'haproxy'],
  isQuick: true,
  async measure({ stage, shared, times }) {
    /** @type {Load} */
    const nothing = { args: ['nothing'], route: 'direct', to: 'http' };
    const running = await shared();
    // To look at the event loop is to keep it busy: both figures are taken on their own.
    const alone = await runLoad(stage, running, { ...timed(nothing, times), isUnwatched: true });
    const watched = await runLoad(stage, running, timed(nothing, times));
    const { utilization, delayP99 } = figuresOf('second', watched);
    const wakeups = alone.wakeups === null ? undefined : alone.wakeups / alone.seconds;
    return { ...figuresOf('second', alone), utilization, delayP99, wakeups };
  },
};

/** Each connect takes two descriptors of the proxy. */
const IDLE_CONNECTS = Math.min(9_500, Math.floor((DESCRIPTORS - 500) / 2));

/** @type {Scenario} */
const idle = {
  id: 'idle',
  title: `memory of an idle connect, at ${IDLE_CONNECTS.toLocaleString('en')}`,
  peers: [...HOSTS, 'haproxy', 'squid'],
  rounds: 2,
  isQuick: false,
  measure: ({ stage, fresh }) =>
    fresh({}, async (running) => {
      const args = ['idle', '--connections', String(IDLE_CONNECTS), ...SPREAD];
      const result = await runLoad(stage, running, { args, route: 'relay', to: 'echo' });
      return { memory: result.bytesPerConnect, errors: result.errors };
    }),
};

/** @type {Scenario} */
const far = {
  id: 'far',
  title: `connects by a gateway ${ROUND_TRIP_MS} ms away`,
  peers: [...HOSTS, 'haproxy', 'squid'],
  isQuick: true,
  measure: ({ stage, fresh }) =>
    fresh({ gatewayPort: stage.ports.far }, async (running) => {
      const args = ['far', '--measure-ms', '2400'];
      const result = await runLoad(stage, running, { args, route: 'gateway', to: 'echo' });
      const roundTrips = (/** @type {{ p50: number }} */ { p50 }) => (p50 * 1000) / ROUND_TRIP_MS;
      return {
        cold: roundTrips(result.cold),
        steady: roundTrips(result.steady),
        burst: roundTrips(result.burst),
        errors: result.errors,
      };
    }),
};

/** @type {Scenario} */
const names = {
  id: 'names',
  title: `connects to 100 new names at ${DNS_MS} ms of DNS`,
  peers: [...HOSTS, 'squid', 'tinyproxy'],
  rounds: 2,
  isQuick: false,
  async measure({ stage, shared, tag }) {
    const args = ['names', '--names', '100', '--tag', tag];
    const { seconds, errors } = await runLoad(stage, await shared(), {
      args,
      route: 'direct',
      to: 'echo',
    });
    return { seconds, errors };
  },
};

/** @type {Scenario} */
const start = {
  id: 'start',
  title: 'require and start',
  peers: HOSTS,
  isQuick: true,
  async measure({ fresh }) {
    const starts = [];
    for (let turn = 0; turn < 3; turn += 1) starts.push(await fresh({}, whenReady));
    // The quickest of three: what it takes, not what others on this machine take.
    const [{ requireMs, startMs, residentBytes }] = starts.sort(
      (one, other) => one.requireMs + one.startMs - other.requireMs - other.startMs,
    );
    return { requireMs, startMs, bothMs: requireMs + startMs, resident: residentBytes };
  },
};

/** @returns {Scenario[]} */
function rules() {
  return [1, 1000, 100_000].map((count) => ({
    id: `rules-${count}`,
    title: count === 1 ? '1 rule' : `${count.toLocaleString('en')} rules`,
    peers: ['aluvia'],
    isQuick: true,
    async measure({ fresh }) {
      const tool = await runTool(['rules', '--count', String(count)]);
      const { startMs, residentBytes } = await fresh({ rules: count }, whenReady);
      return {
        decision: tool.decisionNanoseconds,
        plainDecision: tool.plainDecisionNanoseconds,
        ruleLoad: tool.loadSeconds * 1000,
        ruleMemory: tool.residentBytes,
        startMs,
        resident: residentBytes,
      };
    },
  }));
}

/** @param {Running} running */
async function whenReady({ host }) {
  if (!host) throw new Error('only a script says how long its start took');
  return host.ready;
}

module.exports = { OTHERS: [busy, firstSecond, quiet, far, names, start, ...rules(), idle] };
