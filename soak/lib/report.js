// @ts-check
'use strict';

/** What a run ends with: tables of text. */

/**
 * @typedef {import('../subject.js').Sample} Sample
 * @typedef {import('./tally.js').Tally} Tally
 */

/**
 * What the process under test has taken.
 *
 * @typedef {object} Takings
 * @property {Sample} before the session has started
 * @property {Sample} atStart of the session, without load
 * @property {Sample} peak of each figure
 * @property {{ quarter: number, end: number }} residentBytes
 * @property {Sample} quiet when the load is gone
 * @property {Sample} stopped
 * @property {number} stopMs
 * @property {{ clients: number, peers: number }} delaysMs how late the event loops of the others were
 */

/** @param {Tally} tally @param {number} seconds */
function requestsText(tally, seconds) {
  const kinds = [...tally.kinds].map(([kind, { count, longestMs }]) => [
    kind,
    String(count),
    `${(longestMs / 1000).toFixed(2)} s`,
  ]);
  const causes = [...tally.causes].sort(([, one], [, other]) => other - one);
  return [
    table(['requests', 'count', 'longest'], kinds),
    table(
      ['outcome, as expected', 'count'],
      causes.map(([cause, count]) => [cause, String(count)]),
    ),
    `${tally.total} requests in ${Math.round(seconds)} s, ${Math.round(tally.total / seconds)} a second`,
  ].join('\n\n');
}

/** @param {Takings} takings */
function takingsText({ before, atStart, peak, residentBytes, quiet, stopped, stopMs, delaysMs }) {
  const { quarter, end } = residentBytes;
  const row = (/** @type {'descriptors' | 'sockets' | 'threads'} */ figure) => {
    const moments = [before[figure], atStart[figure], peak[figure], quiet[figure], stopped[figure]];
    return [figure, ...moments.map(String)];
  };
  return [
    table(
      ['', 'before', 'start', 'peak', 'quiet', 'stopped'],
      [row('descriptors'), row('sockets'), row('threads')],
    ),
    `memory: ${[atStart.residentBytes, quarter, end, quiet.residentBytes].map(megabytes).join(', ')}` +
      ' MB at the start, after a quarter, at the end of the load, and in quiet',
    `event loop: at most ${Math.round(peak.delayMs)} ms late, ${Math.round(delaysMs.clients)} with the clients, ` +
      `${Math.round(delaysMs.peers)} with the peers; stop(): ${Math.round(stopMs)} ms`,
  ].join('\n\n');
}

/** @param {string[]} header @param {string[][]} rows */
function table(header, rows) {
  const widths = header.map((_, at) => Math.max(...[header, ...rows].map((row) => row[at].length)));
  return [header, widths.map((width) => '-'.repeat(width)), ...rows]
    .map((row) =>
      row
        .map((cell, at) => pad(cell, widths[at], at))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Words to the left, numbers to the right. @param {string} cell @param {number} width @param {number} column */
function pad(cell, width, column) {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

/** @param {number} bytes */
function megabytes(bytes) {
  return (bytes / 2 ** 20).toFixed(1);
}

module.exports = { megabytes, requestsText, takingsText };
