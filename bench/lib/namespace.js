// @ts-check
'use strict';

/**
 * A network, process and mount namespace for a run: ports that nobody else uses, a name server of our own, and nothing left when
 * it ends, however it ends.
 */

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** For the files of a run, where this process is inside: whoever started it removes them. */
const insideDirectory = process.env.ALUVIA_BENCH_DIRECTORY;

/**
 * Runs this program again, inside. Resolves to its exit code, or to nothing where the system does not allow namespaces.
 *
 * @param {string[]} args
 * @returns {Promise<number | undefined>}
 */
async function runInside(args) {
  const flags = [...(process.getuid?.() === 0 ? [] : ['--map-root-user']), ...NAMESPACES];
  const probe = spawnSync('unshare', [...flags, 'sh', '-c', 'ip link set lo up'], {
    stdio: 'ignore',
  });
  if (probe.status !== 0) return undefined;
  const directory = mkdtempSync(path.join(os.tmpdir(), 'aluvia-bench-'));
  const resolver = path.join(directory, 'resolv.conf');
  writeFileSync(resolver, 'nameserver 127.0.0.1\n');
  try {
    const child = spawn(
      'unshare',
      [...flags, 'sh', '-c', SET_UP, resolver, process.execPath, ...args],
      {
        stdio: ['pipe', 'inherit', 'inherit'],
        env: { ...process.env, ALUVIA_BENCH_DIRECTORY: directory },
      },
    );
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
      process.on(signal, () => child.kill('SIGKILL'));
    }
    const [code] = await once(child, 'exit');
    return code ?? 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Ends this process with the one outside. */
function endWithOutside() {
  process.stdin.on('end', () => process.exit(1)).resume();
}

const NAMESPACES = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
/**
 * The wider range of ports keeps connections of a minute ago out of the way of new ones. Congestion control as on most machines:
 * a default of BBR paces bulk even on loopback, at two to three times the CPU time. Not all systems let us set this.
 */
const SET_UP = `ip link set lo up
mount --bind "$0" /etc/resolv.conf
cd /proc/sys/net/ipv4
(echo 10240 65535 >ip_local_port_range) 2>/dev/null
(echo cubic >tcp_congestion_control || echo reno >tcp_congestion_control) 2>/dev/null
cd - >/dev/null
exec "$@"`;

module.exports = { endWithOutside, insideDirectory, runInside };
