// @ts-check
'use strict';

/** `npm test`: all Rust and all JavaScript tests. The last line is their sum: `N passed, N failed`. */

const { spawn } = require('node:child_process');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { ROOT, build, install, works } = require('./prepare.js');

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */

/**
 * Runs a command, shows what it prints, and returns it.
 *
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<{ output: string, status: number }>}
 */
function runAndRead(command, args) {
  console.log(`> ${[command, ...args].join(' ')}`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let output = '';
    for (const [from, to] of /** @type {const} */ ([
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ])) {
      from.on('data', (chunk) => {
        output += chunk;
        to.write(chunk);
      });
    }
    child.on('error', reject);
    child.on('close', (status) => resolve({ output, status: status ?? 1 }));
  });
}

/** @returns {Promise<Count>} */
async function rust() {
  const hasNextest = works('cargo', ['nextest', '--version']);
  const args = hasNextest
    ? ['nextest', 'run', '--workspace', '--no-fail-fast', '--color', 'never']
    : ['test', '--workspace', '--no-fail-fast'];
  const { output, status } = await runAndRead('cargo', args);
  const sum = (/** @type {RegExp} */ pattern) =>
    [...output.matchAll(pattern)].reduce((total, [, count]) => total + Number(count), 0);
  const count = hasNextest
    ? {
        passed: sum(/^\s+Summary .*? (\d+) passed/gm),
        failed: sum(/^\s+Summary .*? (\d+) failed/gm) + sum(/^\s+Summary .*? (\d+) timed out/gm),
        skipped: sum(/^\s+Summary .*? (\d+) skipped/gm),
      }
    : {
        passed: sum(/^test result: .*? (\d+) passed/gm),
        failed: sum(/^test result: .*? (\d+) failed/gm),
        skipped: sum(/^test result: .*? (\d+) ignored/gm),
      };
  return accountForStatus(count, status);
}

/** @returns {Promise<Count>} */
async function javascript() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'aluvia-test-'));
  const report = path.join(folder, 'report.json');
  const vitest = path.join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const { status } = await runAndRead(process.execPath, [
    vitest,
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
  ]);
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    const count = { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests };
    return accountForStatus(count, status);
  } catch (error) {
    console.error('vitest left no report:', error);
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A run that failed without a failed test, because it did not compile for example, counts as one. */
/** @param {Count} count @param {number} status @returns {Count} */
function accountForStatus(count, status) {
  return status !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count;
}

async function main() {
  install();
  build();
  const counts = [await rust(), await javascript()];
  const total = (/** @type {keyof Count} */ key) =>
    counts.reduce((sum, count) => sum + count[key], 0);
  if (total('skipped') > 0)
    console.log(`${total('skipped')} skipped: see above for what is missing`);
  process.exitCode = total('failed') > 0 ? 1 : 0;
  console.log(`${total('passed')} passed, ${total('failed')} failed`);
}

main();
