// @ts-check
'use strict';

/** The API: the sandbox's, with an operator who changes rules and credentials all the time, and with outages. */

const { BASE_RULES, CHANGING, SWITCH } = require('../lib/hosts.js');

/**
 * @typedef {import('../../testing').Sandbox} Sandbox
 * @typedef {import('../../testing').Failure} Failure
 * @typedef {import('../lib/random.js').Random} Random
 * @typedef {import('./credentials.js').Credentials} Credentials
 */

class Operator {
  #sandbox;
  #random;
  #credentials;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #ticks = 0;
  changes = { rules: 0, credentials: 0, outages: 0 };

  /** @param {Sandbox} sandbox @param {Random} random @param {Credentials} credentials */
  constructor(sandbox, random, credentials) {
    this.#sandbox = sandbox;
    this.#random = random;
    this.#credentials = credentials;
    credentials.use(sandbox.api.config);
  }

  begin() {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** The API answers well from now on, and nothing changes any more. */
  end() {
    clearInterval(this.#timer);
    this.#sandbox.api.succeed();
  }

  #tick() {
    this.#ticks += 1;
    this.#changeRules();
    if (this.#ticks % CREDENTIALS_EVERY === 0) {
      this.#sandbox.rotateCredentials();
      this.#credentials.use(this.#sandbox.api.config);
      this.changes.credentials += 1;
    }
    if (this.#ticks % OUTAGE_EVERY === 0) {
      const times = this.#random.between(1, MOST_FAILURES);
      this.#sandbox.api.fail({ ...this.#random.pick(OUTAGES), times });
      this.changes.outages += 1;
    }
  }

  /** The rule of the switch stays as the process under test has made it. */
  #changeRules() {
    const random = this.#random;
    const rules = [
      ...BASE_RULES,
      ...CHANGING.filter(() => random.chance(0.5)),
      ...(random.chance(0.2) ? [`-${random.pick(CHANGING)}`] : []),
      ...(random.chance(0.2) ? ['*'] : []),
      ...Array.from({ length: random.between(0, MOST_FILLERS) }, (_, at) => `filler-${at}.example`),
      ...this.#sandbox.api.config.rules.filter((rule) => rule === SWITCH),
    ];
    this.#sandbox.setRules(rules);
    this.changes.rules += 1;
  }
}

const TICK_MS = 1000;
const CREDENTIALS_EVERY = 3;
/** Rare enough for polls to succeed in between, so that the pauses between them do not add up. */
const OUTAGE_EVERY = 7;
const MOST_FAILURES = 3;
const MOST_FILLERS = 200;

/** @type {Failure[]} */
const OUTAGES = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 429, headers: { 'Retry-After': '1' } },
  // A success that is none: said to a change, it would be believed.
  { kind: 'status', status: 200, body: '{"data":', method: 'GET' },
  { kind: 'delay', delayMs: 700 },
  // A change that comes into force when nobody waits for it any more would surprise whoever has made another one meanwhile.
  { kind: 'delay', delayMs: 3000, method: 'GET' },
  { kind: 'reset' },
  { kind: 'garbage' },
  { kind: 'hang' },
  { kind: 'drip' },
];

module.exports = { Operator };
