// @ts-check
'use strict';

/** CPU time of all proxies beside ours, as an SVG: one line for each scenario, one mark for each proxy, on a logarithmic scale. */

/**
 * @typedef {import('./results.js').Results} Results
 * @typedef {import('./peers.js').Id} Id
 */

/** Marks that differ in shape too. @type {{ id: Id, color: string, shape: (x: number, y: number) => string }[]} */
const MARKS = [
  { id: 'proxy-chain-2', color: '#b45309', shape: square },
  { id: 'proxy-chain-3', color: '#ea580c', shape: diamond },
  { id: 'haproxy', color: '#2563eb', shape: circle },
  { id: 'haproxy-splice', color: '#60a5fa', shape: circle },
  { id: 'nginx', color: '#15803d', shape: triangle },
  { id: 'squid', color: '#7c3aed', shape: triangle },
  { id: 'tinyproxy', color: '#db2777', shape: square },
];

/** @param {Results} results @param {string} caption @returns {string} */
function plot(results, caption) {
  const rows = results.scenarios
    .filter(
      ({ id, unit }) => unit !== 'second' && results.median(id, 'aluvia', 'cpu') !== undefined,
    )
    .map(({ id, title }) => ({
      title,
      marks: MARKS.flatMap((mark) => {
        const ratio = results.ratio(id, mark.id, 'cpu');
        return ratio ? [{ ...mark, times: 1 / ratio }] : [];
      }),
    }));
  const height = TOP + rows.length * ROW + BOTTOM;
  const used = MARKS.filter(({ id }) =>
    rows.some(({ marks }) => marks.some((mark) => mark.id === id)),
  );
  const names = new Map(results.peers.map(({ id, name }) => [id, name]));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>CPU time of each proxy as a multiple of ours</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(
      24,
      24,
      'CPU time for the same work, as a multiple of this package’s',
      '#111827',
      'start',
      15,
    ),
    text(24, 42, caption, '#6b7280', 'start', 11),
    legend(used.map((mark) => ({ ...mark, name: names.get(mark.id) ?? mark.id }))),
    ...grid(height),
    ...rows.map((row, index) => line(row, TOP + index * ROW + ROW / 2)),
    '</svg>',
    '',
  ].join('\n');
}

/** @param {{ color: string, name: string, shape: (x: number, y: number) => string }[]} marks */
function legend(marks) {
  let x = 24;
  return marks
    .map(({ color, name, shape }) => {
      const entry = `<g fill="${color}">${shape(x + 5, 58)}</g>${text(x + 15, 62, name, '#374151')}`;
      x += 32 + name.length * 6.6;
      return entry;
    })
    .join('\n');
}

/** @param {number} height @returns {string[]} */
function grid(height) {
  return TICKS.flatMap((tick) => {
    const x = across(tick);
    const color = tick === 1 ? '#111827' : '#e5e7eb';
    return [
      `<line x1="${x}" y1="${TOP}" x2="${x}" y2="${height - BOTTOM}" stroke="${color}"/>`,
      text(x, height - BOTTOM + 16, `${tick}×`, '#6b7280', 'middle'),
    ];
  });
}

/** @param {{ title: string, marks: { color: string, times: number, shape: (x: number, y: number) => string }[] }} row @param {number} y */
function line({ title, marks }, y) {
  const shapes = marks.map(
    ({ color, times, shape }) =>
      `<g fill="${color}" fill-opacity="0.85">${shape(across(times), y)}</g>`,
  );
  return `${text(LEFT - 12, y + 4, title, '#111827', 'end')}${shapes.join('')}`;
}

/** @param {number} times */
function across(times) {
  const [least, most] = [TICKS[0], TICKS[TICKS.length - 1]].map(Math.log);
  const share =
    (Math.log(Math.min(Math.max(times, TICKS[0]), TICKS[TICKS.length - 1])) - least) /
    (most - least);
  return round(LEFT + share * (WIDTH - LEFT - RIGHT));
}

/** @param {number} x @param {number} y */
function circle(x, y) {
  return `<circle cx="${round(x)}" cy="${y}" r="5"/>`;
}

/** @param {number} x @param {number} y */
function square(x, y) {
  return `<rect x="${round(x - 4.5)}" y="${y - 4.5}" width="9" height="9"/>`;
}

/** @param {number} x @param {number} y */
function diamond(x, y) {
  return `<path d="M${round(x)} ${y - 6}l6 6l-6 6l-6 -6z"/>`;
}

/** @param {number} x @param {number} y */
function triangle(x, y) {
  return `<path d="M${round(x)} ${y - 5.5}l5.5 10h-11z"/>`;
}

/** @param {number} x @param {number} y @param {string} content @param {string} color @param {string} [anchor] @param {number} [size] */
function text(x, y, content, color, anchor = 'start', size = 12) {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${round(x)}" y="${y}" fill="${color}" text-anchor="${anchor}" font-size="${size}">${escaped}</text>`;
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}

const WIDTH = 960;
const LEFT = 300;
const RIGHT = 30;
const TOP = 78;
const BOTTOM = 34;
const ROW = 22;
const TICKS = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64];

module.exports = { plot };
