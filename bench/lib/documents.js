// @ts-check
'use strict';

/** What a whole run leaves behind: `bench/results.json`, `docs/performance.md` and its plot. */

const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { digits } = require('./figures.js');
const { plot } = require('./plot.js');
const { BENCH, ROOT } = require('./prepare.js');
const { toMarkdown } = require('./tables.js');

/**
 * @typedef {import('./environment.js').Environment} Environment
 * @typedef {import('./results.js').Results} Results
 * @typedef {import('./tables.js').Table} Table
 * @typedef {import('./targets.js').Verdict} Verdict
 */

/**
 * @param {Results} results
 * @param {Verdict[]} verdicts
 * @param {Table[]} tables
 * @param {Environment} environment
 */
function writeDocuments(results, verdicts, tables, environment) {
  const record = { environment, targets: verdicts, ...results.toJSON() };
  writeFileSync(path.join(BENCH, 'results.json'), `${stringify(record)}\n`);
  const { date, cpu, cores } = environment;
  writeFileSync(
    PLOT,
    plot(results, `${cpu}, ${cores} CPUs, ${date}. Left of 1×: cheaper than this package.`),
  );
  const page = readFileSync(PAGE, 'utf8');
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`${PAGE} has no ${BEGIN} … ${END}`);
  const generated = [
    BEGIN,
    '',
    describe(results, environment),
    '',
    '![CPU time of each proxy as a multiple of this package’s](performance.svg)',
    '',
    ...tables.flatMap((table) => [toMarkdown(table), '']),
  ].join('\n');
  writeFileSync(PAGE, page.slice(0, before) + generated + page.slice(after));
}

/** JSON as the formatter writes it: each list of rounds on one line. @param {unknown} value */
function stringify(value) {
  const lists = /\[\s+([^[\]{}]*?)\s+\]/g;
  return JSON.stringify(value, null, 2).replace(
    lists,
    (_, items) => `[${items.replace(/\s+/g, ' ')}]`,
  );
}

/** @param {Results} results @param {Environment} environment */
function describe(results, environment) {
  const {
    date,
    commit,
    cpu,
    cores,
    memoryGiB,
    kernel,
    congestionControl,
    node,
    rounds,
    addonBytes,
    foreignCpu,
    stolenCpu,
  } = environment;
  const peers = results.peers.flatMap(({ name, id, version }) =>
    id === 'none' || name.startsWith('proxy-chain') ? [] : `${name} ${version()}`,
  );
  const failures = results.failures.map(
    ({ scenario, peer, round, message }) =>
      `- ${scenario}, ${peer}, round ${round + 1}: ${message}`,
  );
  return [
    `${date}, commit ${commit}. ${cpu}, ${cores} CPUs, ${memoryGiB} GiB; Linux ${kernel}, TCP with ${congestionControl}, Node.js ${node}. ` +
      `Medians of ${rounds} interleaved rounds. Others used ${digits(foreignCpu)} CPUs of this machine meanwhile ` +
      `(median), and its host took ${digits(stolenCpu)}. The addon has ${addonBytes.toLocaleString('en')} bytes. ` +
      `Beside both versions of proxy-chain: ${peers.join(', ')}.`,
    ...(failures.length > 0 ? ['', 'What failed:', '', ...failures] : []),
  ].join('\n');
}

const PAGE = path.join(ROOT, 'docs', 'performance.md');
const PLOT = path.join(ROOT, 'docs', 'performance.svg');
const BEGIN = '<!-- what follows is written by npm run bench -->';
const END = '<!-- what precedes was written by npm run bench -->';

module.exports = { writeDocuments };
