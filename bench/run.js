// @ts-check
'use strict';

/**
 * `npm run bench`: measures this package and its peers, all in one run, round by round, and writes what it has found.
 *
 *     --rounds N       how many rounds; 5 unless said otherwise
 *     --only TEXT      only scenarios whose name has this in it; several with commas
 *     --peers TEXT     only these peers, and this package; with commas
 *     --against FILE   another build of the addon, measured beside
 *     --quick          one short round of the main scenarios
 *     --no-build       takes the addon and the load tool as they are
 *     --save           writes the documents although the run is not a whole one
 */

const { parseArgs } = require('node:util');
const { endOnSignals } = require('./lib/children.js');
const { environment } = require('./lib/environment.js');
const { writeDocuments } = require('./lib/documents.js');
const { endWithOutside, insideDirectory, runInside } = require('./lib/namespace.js');
const { allPeers } = require('./lib/peers.js');
const { prepare } = require('./lib/prepare.js');
const { Results } = require('./lib/results.js');
const { runRounds } = require('./lib/rounds.js');
const { startStage } = require('./lib/stage.js');
const { tables, toText } = require('./lib/tables.js');
const { judge } = require('./lib/targets.js');
const { LOADS } = require('./scenarios/loads.js');
const { OTHERS } = require('./scenarios/others.js');

/** @typedef {import('./lib/peers.js').Peer} Peer */

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string' },
    only: { type: 'string' },
    peers: { type: 'string' },
    against: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});

async function main() {
  if (!insideDirectory) {
    // Debian keeps servers where only root looks for them.
    process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
    prepare({ isBuilt: options['no-build'] });
    const code = await runInside([__filename, ...process.argv.slice(2)]);
    if (code !== undefined) process.exit(code);
    console.log(
      '- no namespace of our own: ports are shared with others, and names are not measured',
    );
  }
  await measure();
}

async function measure() {
  endOnSignals();
  if (insideDirectory) endWithOutside();
  const peers = installedPeers();
  const scenarios = chosenScenarios();
  const rounds = Number(options.rounds ?? (options.quick ? 1 : 5));
  if (scenarios.length === 0) throw new Error(`no scenario has ${options.only} in its name`);
  const results = new Results(scenarios, peers);
  const stage = await startStage();
  await runRounds({ stage, peers, scenarios, rounds, results, isQuick: options.quick });
  await stage.stop();

  const found = environment(results, stage, rounds);
  const verdicts = judge(results, found.addonBytes);
  const all = tables(results, verdicts);
  for (const table of all) console.log(toText(table));
  for (const { scenario, peer, round, message } of results.failures) {
    console.log(`- ${scenario}, ${peer}, round ${round + 1}: ${message}`);
  }
  const isWhole = !(options.only || options.peers || options.quick || options.against);
  if (isWhole || options.save) writeDocuments(results, verdicts, all, found);
  // A figure that is missed is a finding, not a failure; a run without figures is one.
  process.exit(results.failures.some(({ peer }) => peer === 'aluvia') ? 1 : 0);
}

/** @returns {Peer[]} */
function installedPeers() {
  const wanted = options.peers?.split(',');
  return allPeers(options.against).filter((peer) => {
    const isOurs = peer.id === 'aluvia' || peer.id === 'against';
    if (wanted && !isOurs && !wanted.includes(peer.id)) return false;
    if (peer.version() !== undefined) return true;
    console.log(`- ${peer.name}: not installed, skipped (${peer.package})`);
    return false;
  });
}

function chosenScenarios() {
  const wanted = options.only?.split(',');
  return [...LOADS, ...OTHERS].filter(({ id, isQuick }) => {
    if (id === 'names' && !insideDirectory) return false;
    if (wanted) return wanted.some((text) => id.includes(text));
    return isQuick || !options.quick;
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
