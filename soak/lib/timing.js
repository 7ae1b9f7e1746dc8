// @ts-check
'use strict';

/** The times that all sides have to agree on, in milliseconds: short ones, so that a stall ends soon. */

const CONNECT_MS = 2000;
const IDLE_MS = 3000;
const DRAIN_MS = 1000;
const POLL_MS = 250;
const API_MS = 1000;

module.exports = { API_MS, CONNECT_MS, DRAIN_MS, IDLE_MS, POLL_MS };
