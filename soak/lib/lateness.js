// @ts-check
'use strict';

/** How late the event loop of this process was: where it was for long, time-outs say little. */

const { monitorEventLoopDelay } = require('node:perf_hooks');

const delays = monitorEventLoopDelay({ resolution: 10 });
delays.enable();

/** The most since it was asked for last, in milliseconds. */
function latestMs() {
  const { max } = delays;
  delays.reset();
  return max / 1e6;
}

module.exports = { latestMs };
