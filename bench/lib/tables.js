// @ts-check
'use strict';

/** The tables of a run: rows of text, for a terminal and for Markdown. */

const { digits, format } = require('./figures.js');

/**
 * @typedef {import('./figures.js').Figure} Figure
 * @typedef {import('./peers.js').Id} Id
 * @typedef {import('./results.js').Results} Results
 * @typedef {import('../scenarios/scenario.js').Scenario} Scenario
 * @typedef {import('./targets.js').Verdict} Verdict
 */

/** @typedef {{ title: string, note: string, header: string[], rows: string[][] }} Table */

/** @param {Results} results @param {Verdict[]} verdicts @returns {Table[]} */
function tables(results, verdicts) {
  const all = [
    targetTable(verdicts),
    figureTable(
      results,
      'cpu',
      'CPU time',
      'Seconds of CPU time of the proxy, for each unit of work.',
    ),
    figureTable(results, 'rate', 'Rate', 'Operations a second, and GB a second for bulk.'),
    figureTable(results, 'p50', 'Latency, p50', 'Milliseconds.'),
    figureTable(results, 'p99', 'Latency, p99', 'Milliseconds.'),
    figureTable(
      results,
      'utilization',
      'Event loop of the hosting script, utilisation',
      'From 0 to 1, while the load runs.',
    ),
    figureTable(
      results,
      'delayP99',
      'Event loop of the hosting script, delay p99',
      'Milliseconds that a timer of 10 ms is late.',
    ),
    otherTable(results),
  ];
  return all.filter((table) => table.rows.length > 0);
}

/** @param {Verdict[]} verdicts @returns {Table} */
function targetTable(verdicts) {
  const rows = verdicts
    .filter(({ verdict }) => verdict !== 'not measured')
    .map(({ figure, limit, goal, measured, verdict }) => [figure, limit, goal, measured, verdict]);
  return {
    title: 'Targets',
    note: 'Against proxy-chain: how many times better than the better of both versions. Against haproxy and no proxy: how many times theirs.',
    header: ['figure', 'target', 'goal', 'measured', ''],
    rows,
  };
}

/**
 * One figure of all scenarios that have it, with ratios.
 *
 * @param {Results} results
 * @param {Figure} figure
 * @param {string} title
 * @param {string} note
 * @returns {Table}
 */
function figureTable(results, figure, title, note) {
  const scenarios = results.scenarios.filter(
    ({ id }) => results.median(id, 'aluvia', figure) !== undefined,
  );
  const peers = results.peers.filter(({ id }) =>
    scenarios.some((scenario) => results.median(scenario.id, id, figure) !== undefined),
  );
  const compared = peers.filter(({ id }) => COMPARED.includes(id));
  const row = (/** @type {Scenario} */ { id, title: what, unit }) => [
    figure === 'cpu' ? `${what}, for ${unit?.startsWith('10') ? unit : `a ${unit}`}` : what,
    ...peers.map((peer) => format(figure, results.median(id, peer.id, figure))),
    times(results.advantage(id, figure)),
    ...compared.map((peer) => times(results.ratio(id, peer.id, figure))),
  ];
  return {
    title,
    note,
    header: [
      '',
      ...peers.map((peer) => peer.name),
      'better than proxy-chain',
      ...compared.map((peer) => `of ${peer.name}`),
    ],
    rows: scenarios.map(row),
  };
}

/** With whom ours is compared one to one. @type {Id[]} */
const COMPARED = ['against', 'haproxy'];

/** Figures that one scenario has alone. @type {{ scenario: string, figure: Figure, title: string }[]} */
const OTHERS = [
  { scenario: 'idle', figure: 'memory', title: 'idle connect, KiB' },
  { scenario: 'quiet', figure: 'wakeups', title: 'nothing to do, wake-ups of threads a second' },
  {
    scenario: 'far',
    figure: 'cold',
    title: 'connect by a gateway 50 ms away, the first one, round trips',
  },
  { scenario: 'far', figure: 'steady', title: '… one of 20 a second, p50' },
  { scenario: 'far', figure: 'burst', title: '… one of six at once, p50' },
  { scenario: 'names', figure: 'seconds', title: 'connects to 100 new names at 200 ms of DNS, s' },
  { scenario: 'start', figure: 'requireMs', title: 'require, ms' },
  { scenario: 'start', figure: 'startMs', title: 'start, ms' },
  { scenario: 'start', figure: 'resident', title: 'process after the start, MiB' },
  ...['1', '1000', '100000'].flatMap((count) => {
    const scenario = `rules-${count}`;
    const rules = count === '1' ? '1 rule' : `${Number(count).toLocaleString('en')} rules`;
    return /** @type {{ scenario: string, figure: Figure, title: string }[]} */ ([
      { scenario, figure: 'decision', title: `${rules}: a decision, ns` },
      { scenario, figure: 'plainDecision', title: `${rules}: a decision without \`name.*\`, ns` },
      { scenario, figure: 'ruleLoad', title: `${rules}: to load, ms` },
      { scenario, figure: 'ruleMemory', title: `${rules}: memory, MiB` },
      { scenario, figure: 'startMs', title: `${rules}: start, ms` },
      { scenario, figure: 'resident', title: `${rules}: process after the start, MiB` },
    ]);
  }),
];

/** @param {Results} results @returns {Table} */
function otherTable(results) {
  const measured = OTHERS.filter(
    ({ scenario, figure }) => results.median(scenario, 'aluvia', figure) !== undefined,
  );
  const peers = results.peers.filter(({ id }) =>
    measured.some(({ scenario, figure }) => results.median(scenario, id, figure) !== undefined),
  );
  return {
    title: 'Memory, distance, names, start, rules',
    note: '',
    header: ['', ...peers.map((peer) => peer.name), 'better than proxy-chain'],
    rows: measured.map(({ scenario, figure, title }) => [
      title,
      ...peers.map((peer) => format(figure, results.median(scenario, peer.id, figure))),
      times(results.advantage(scenario, figure)),
    ]),
  };
}

/** @param {number | undefined} ratio */
function times(ratio) {
  return ratio === undefined ? '' : `${digits(ratio)}×`;
}

/** @param {Table} table @returns {string} */
function toText({ title, header, rows }) {
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column].length)),
  );
  const line = (/** @type {string[]} */ row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd();
  return [`\n${title}`, line(header), ...rows.map(line)].join('\n');
}

/** @param {Table} table @returns {string} */
function toMarkdown({ title, note, header, rows }) {
  const line = (/** @type {string[]} */ row) => `| ${row.join(' | ')} |`;
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'));
  return [
    `### ${title}`,
    '',
    ...(note ? [note, ''] : []),
    line(header),
    line(rule),
    ...rows.map(line),
  ].join('\n');
}

module.exports = { tables, toMarkdown, toText };
