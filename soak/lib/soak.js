// @ts-check
'use strict';

/** One run, from the start of the session to its stop. */

const { setTimeout: sleep } = require('node:timers/promises');
const { latestMs } = require('./lateness.js');
const { Load } = require('./load.js');
const { Random } = require('./random.js');
const { megabytes } = require('./report.js');
const { Switcher } = require('./switcher.js');
const { Tally } = require('./tally.js');
const { DRAIN_MS } = require('./timing.js');
const { Watch } = require('./watch.js');

/**
 * @typedef {import('./load.js').Ports} Ports
 * @typedef {import('./orders.js').Child} Child
 * @typedef {import('./report.js').Takings} Takings
 * @typedef {import('../subject.js').Sample} Sample
 */

/**
 * @typedef {object} Stage
 * @property {import('./options.js').Options} options
 * @property {Tally} tally
 * @property {Child} peers
 * @property {Child} subject
 */

/** @param {Stage} stage */
async function soak({ options, tally, peers, subject }) {
  const random = new Random(options.seed);
  const gatewayProtocol = options.seed % 2 === 0 ? 'http' : 'https';
  console.log(`The gateway is spoken to in ${gatewayProtocol}.`);
  const seed = random.between(0, 2 ** 32 - 1);
  const places = await peers.ask('start', { seed, gatewayProtocol });
  const { clientOptions, ...originPorts } = places;
  const before = await subject.ask('sample');
  const ports = { ...originPorts, proxyPort: await subject.ask('start', clientOptions) };
  const atStart = await subject.ask('sample');

  const load = new Load(ports, tally);
  const switcher = new Switcher(subject, load, random.fork());
  const watch = new Watch(subject);
  await peers.ask('begin');
  const began = performance.now();
  const running = Promise.all([load.run(options.workers, random), switcher.run(), watch.run()]);
  await Promise.race([running, sleep(options.minutes * 60_000)]);
  for (const part of [load, switcher, watch]) part.finish();
  await running;
  const seconds = (performance.now() - began) / 1000;
  await peers.ask('end');

  const quiet = await watch.quiet('sockets', atStart.sockets + SPARE_SOCKETS);
  const stopMs = await stopUnderLoad(subject, ports, random);
  const stopped = await watch.quiet('descriptors', before.descriptors);
  const report = await peers.ask('report');
  const { logged, errors } = await subject.ask('log');
  const delaysMs = { clients: latestMs(), peers: report.delayMs };
  const takings = { delaysMs, before, atStart, quiet, stopped, stopMs, ...seen(watch) };
  for (const violation of report.violations) tally.complain(violation);
  for (const error of errors) tally.complain(`logged as an error: ${error}`);
  for (const fault of faultsOf(takings)) tally.complain(fault);
  return { seconds, takings, report, logged, updates: switcher.updates };
}

/** @param {Watch} watch @returns {Pick<Takings, 'peak' | 'residentBytes'>} */
function seen(watch) {
  return {
    peak: {
      descriptors: watch.peak('descriptors'),
      sockets: watch.peak('sockets'),
      threads: watch.peak('threads'),
      residentBytes: watch.peak('residentBytes'),
      delayMs: watch.peak('delayMs'),
    },
    residentBytes: {
      quarter: watch.around(0.25, 'residentBytes'),
      end: watch.around(1, 'residentBytes'),
    },
  };
}

/** Stops the session in the middle of things, which clients may see as they like. @param {Child} subject @param {Ports} ports @param {Random} random */
async function stopUnderLoad(subject, ports, random) {
  const load = new Load(ports, new Tally({ isSilent: true }));
  const running = load.run(STOP_WORKERS, random);
  await sleep(STOP_AFTER_MS);
  const stopMs = await subject.ask('stop');
  load.finish();
  await running;
  return /** @type {number} */ (stopMs);
}

/** @param {Takings} takings */
function* faultsOf({ before, atStart, quiet, stopped, stopMs, residentBytes }) {
  const { quarter, end } = residentBytes;
  if (quiet.sockets > atStart.sockets + SPARE_SOCKETS) {
    yield `${quiet.sockets} sockets in quiet, ${atStart.sockets} at the start`;
  }
  const others = (/** @type {Sample} */ { descriptors, sockets }) => descriptors - sockets;
  if (others(quiet) > others(atStart) + KEPT_PIPES) {
    yield `${others(quiet)} descriptors beside sockets in quiet, ${others(atStart)} at the start`;
  }
  if (quiet.threads > atStart.threads + SPARE_THREADS) {
    yield `${quiet.threads} threads in quiet, ${atStart.threads} at the start`;
  }
  if (stopped.descriptors > before.descriptors) {
    yield `${stopped.descriptors} descriptors after stop(), ${before.descriptors} before start()`;
  }
  if (stopMs > DRAIN_MS + SPARE_STOP_MS) {
    yield `stop() has taken ${Math.round(stopMs)} ms with a drain of ${DRAIN_MS} ms`;
  }
  if (end - quarter > MOST_GROWTH) {
    yield `memory has grown by ${megabytes(end - quarter)} MB since the first quarter`;
  }
}

/** The connection to the API, old and new. */
const SPARE_SOCKETS = 2;
/** What the two worker threads of the proxy keep for the next downloads: eight pipes each, of two ends. */
const KEPT_PIPES = 32;
/** Name look-ups have threads of their own, which end after a while. */
const SPARE_THREADS = 4;
const SPARE_STOP_MS = 250;
const MOST_GROWTH = 20 * 2 ** 20;
const STOP_WORKERS = 16;
const STOP_AFTER_MS = 2000;

module.exports = { soak };
