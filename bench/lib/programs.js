// @ts-check
'use strict';

/** What has to be known of programs that may be installed or not. */

const { spawnSync } = require('node:child_process');

/**
 * The version that a program says it has; nothing if it is not installed.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {RegExp} pattern
 * @returns {string | undefined}
 */
function versionOf(command, args, pattern) {
  const { stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return error ? undefined : pattern.exec(`${stdout}${stderr}`)?.[1];
}

/** How many descriptors a process can have here. */
const DESCRIPTORS = Math.min(
  Number(spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout) || 65_536,
  65_536,
);

module.exports = { DESCRIPTORS, versionOf };
