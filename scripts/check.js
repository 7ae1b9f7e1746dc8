// @ts-check
'use strict';

/**
 * `npm run check`: everything that reads the code without running it. Tools that are not installed are skipped with a line
 * that says so; with CI=true they are installed first.
 */

const { ROOT, build, install, start, works } = require('./prepare.js');

/**
 * @typedef {object} Check
 * @property {string} name
 * @property {[string, ...string[]]} command
 * @property {[string, ...string[]]} [probe] tells whether the tool is there
 * @property {[string, ...string[]]} [installation] brings it
 */

/** @type {Check[]} */
const CHECKS = [
  { name: 'rustfmt', command: ['cargo', 'fmt', '--all', '--check'] },
  {
    name: 'clippy',
    command: ['cargo', 'clippy', '--workspace', '--all-targets', '--', '-D', 'warnings'],
  },
  { name: 'biome', command: ['npx', '--no-install', 'biome', 'ci', '.'] },
  { name: 'tsc', command: ['npx', '--no-install', 'tsc', '-p', '.'] },
  {
    name: 'machete',
    command: ['cargo', 'machete'],
    probe: ['cargo', 'machete', '--version'],
    installation: ['cargo', 'install', '--locked', 'cargo-machete'],
  },
  {
    // The advisory database is a git repository of its own: `cargo deny check advisories` is for machines that reach it.
    name: 'deny',
    command: ['cargo', 'deny', '--all-features', 'check', 'bans', 'licenses', 'sources'],
    probe: ['cargo', 'deny', '--version'],
    installation: ['cargo', 'install', '--locked', 'cargo-deny'],
  },
  {
    name: 'typos',
    command: ['typos'],
    probe: ['typos', '--version'],
    installation: [
      'python3',
      '-m',
      'pip',
      'install',
      '--quiet',
      '--break-system-packages',
      'typos',
    ],
  },
];

/** @param {Check} check @returns {'ok' | 'failed' | 'skipped'} */
function run({ name, command, probe, installation }) {
  if (probe && !works(probe[0], probe.slice(1))) {
    if (process.env.CI && installation) start(installation[0], installation.slice(1));
    if (!works(probe[0], probe.slice(1))) {
      console.log(`- ${name}: not installed, skipped (${installation?.join(' ')})`);
      return 'skipped';
    }
  }
  console.log(`> ${command.join(' ')}`);
  return start(command[0], command.slice(1), { cwd: ROOT }).status === 0 ? 'ok' : 'failed';
}

install();
// The types of the addon are written by its build.
build();
const outcomes = CHECKS.map((check) => ({ name: check.name, outcome: run(check) }));
console.log(outcomes.map(({ name, outcome }) => `${name}: ${outcome}`).join(', '));
process.exitCode = outcomes.some(({ outcome }) => outcome === 'failed') ? 1 : 0;
