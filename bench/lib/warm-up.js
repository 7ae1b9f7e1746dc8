// @ts-check
'use strict';

/** Brings just-in-time compilers and pools to where they are in use. */

const { get } = require('../scenarios/loads.js');
const { timed } = require('../scenarios/scenario.js');
const { runLoad } = require('./load.js');

/** @param {import('./stage.js').Stage} stage @param {import('./peers.js').Running} running */
async function warmUp(stage, running) {
  const times = { warmMs: 0, measureMs: 700 };
  for (const route of /** @type {const} */ (['direct', 'gateway'])) {
    const connects = {
      args: ['connects', '--connections', '32'],
      route,
      to: /** @type {const} */ ('echo'),
    };
    await runLoad(stage, running, timed({ ...get(64), route }, times));
    await runLoad(stage, running, timed(connects, times));
  }
}

module.exports = { warmUp };
