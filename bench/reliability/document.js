// @ts-check
'use strict';

/** The table, and the page that it stands in. */

const { spawnSync } = require('node:child_process');
const { readFileSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ROOT } = require('../lib/prepare.js');

/**
 * @typedef {import('./rows/index.js').Row} Row
 * @typedef {import('./rows/index.js').Figure} Figure
 * @typedef {import('./subject.js').Peer} Peer
 */

/** One promise, and what was reached by each proxy. @typedef {{ row: Row, figures: Figure[] }} Result */

/** @param {Result[]} results @param {Peer[]} peers */
function toMarkdown(results, peers) {
  const head = ['promise', ...peers.map(({ name }) => name), '`npm run reliability --`'];
  const lines = results.map(({ row, figures }) => [
    row.promise,
    ...figures.map((figure, index) => cell(figure, peers[index], figures[index - 1])),
    `\`--only ${row.id}\``,
  ]);
  return [head, head.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

/** @param {Figure} figure @param {Peer} peer @param {Figure | undefined} before the figure to its left */
function cell({ text, isKept }, peer, before) {
  if (peer.id === 'proxy-chain-3' && text === before?.text) return 'the same';
  const isMissed = peer.id === 'aluvia' && isKept === false;
  return `${isMissed ? '**missed** ' : ''}${text.replaceAll('|', '\\|')}`;
}

/** Puts the table between the two markers of the page. @param {string} table */
function writePage(table) {
  const page = readFileSync(PAGE, 'utf8');
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`docs/reliability.md has no ${BEGIN} … ${END}`);
  const generated = [BEGIN, '', environment(), '', table, '', ''].join('\n');
  writeFileSync(PAGE, page.slice(0, before) + generated + page.slice(after));
}

function environment() {
  const { stdout } = spawnSync('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD'], {
    encoding: 'utf8',
  });
  const cpus = os.cpus();
  return (
    `${new Date().toISOString().slice(0, 10)}, commit ${stdout.trim()}. ${cpus[0].model}, ` +
    `${cpus.length} CPUs, shared with the clients and with others; Linux ${os.release()}, Node.js ${process.version}.`
  );
}

const PAGE = path.join(ROOT, 'docs', 'reliability.md');
const BEGIN = '<!-- what follows is written by npm run reliability -->';
const END = '<!-- what precedes was written by npm run reliability -->';

module.exports = { toMarkdown, writePage };
