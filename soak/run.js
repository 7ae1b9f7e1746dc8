// @ts-check
'use strict';

/**
 * `npm run soak`: one session under mixed traffic, changing rules and faults of every kind. Each outcome is compared with what
 * the README promises for it; one that differs makes the run fail.
 *
 *     --minutes N   how long; 1 unless said otherwise
 *     --seed S      repeats the choices of another run; with an odd one the gateway is spoken to in TLS
 *     --workers W   how many clients at once; 32 unless said otherwise
 */

const path = require('node:path');
const { parseOptions } = require('./lib/options.js');
const { Child } = require('./lib/orders.js');
const { requestsText, takingsText } = require('./lib/report.js');
const { soak } = require('./lib/soak.js');
const { Tally } = require('./lib/tally.js');

/** @typedef {import('./lib/options.js').Options} Options */

async function main() {
  const options = readOptions();
  console.log(
    `soak: ${options.minutes} minutes, ${options.workers} workers, --seed ${options.seed}`,
  );
  const tally = new Tally();
  const peers = new Child(path.join(__dirname, 'peers', 'index.js'));
  const subject = new Child(path.join(__dirname, 'subject.js'));
  const { seconds, takings, report, logged, updates } = await soak({
    options,
    tally,
    peers,
    subject,
  });
  await Promise.all([peers.stop(), subject.stop()]);

  console.log(`\n${requestsText(tally, seconds)}\n\n${takingsText(takings)}\n`);
  const { rules, credentials, outages } = report.changes;
  console.log(
    `changes: ${rules} of rules, ${credentials} of credentials, used for up to ${report.oldestCredentialsMs} ms longer; ` +
      `${outages} outages of the API; updateRules(): ${updates.done} done, ${updates.refused} failed with the API; ` +
      `log lines: ${Object.entries(logged)
        .map(([level, count]) => `${count} ${level}`)
        .join(', ')}\n`,
  );
  for (const line of tally.shown) console.log(`unexpected: ${line}`);
  const isGood = tally.unexpected === 0;
  console.log(
    isGood
      ? 'soak passed: every outcome was expected'
      : `soak failed: ${tally.unexpected} unexpected; repeat with --seed ${options.seed}`,
  );
  process.exit(isGood ? 0 : 1);
}

/** @returns {Options} */
function readOptions() {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error('usage: npm run soak -- [--minutes N] [--seed S] [--workers W]');
    process.exit(2);
  }
}

process.on('SIGINT', () => process.exit(1));
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
