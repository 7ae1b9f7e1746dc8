import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from './api-test.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** A process that has not ended by then never will. */
const TOO_LONG = 20_000;

/** What every script starts with: the package, and a client of the API that the environment names. */
const PRELUDE = `
  const { AluviaClient } = require('@aluvia/aluvia-node');
  const newClient = (options) => new AluviaClient({
    token: 'token-of-the-tests',
    apiBaseUrl: process.env.API,
    pollIntervalMs: 0,
    gatewayHost: '127.0.0.1',
    ...options,
  });
  /** Says so if the process is still there after a moment, without keeping it there. */
  const sayStillHere = () => setTimeout(() => console.log('still here'), 300).unref();
`;

/** Runs a script with an API in a process of its own: `{ code, signal, stdout, stderr, exit }`, which fill up. */
export function launch(
  script,
  { api, env, isModule = false, prelude = PRELUDE, tooLong = TOO_LONG } = {},
) {
  const head = isModule ? '' : `${prelude}\n`;
  const body = isModule ? script : `(async () => {${script}})();`;
  const child = spawn(
    process.execPath,
    [isModule ? '--input-type=module' : '--input-type=commonjs', '-e', head + body],
    { cwd: ROOT, env: { ...environment(), API: api?.baseUrl ?? '', ...env } },
  );
  const running = { child, stdout: '', stderr: '', code: null, signal: null };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    running.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    running.stderr += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), tooLong);
  running.exit = once(child, 'close').then(([code, signal]) => {
    clearTimeout(timer);
    return Object.assign(running, { code, signal });
  });
  /** Waits for a text on the standard output. */
  running.hasSaid = (text) =>
    until(() => {
      if (running.stdout.includes(text)) return;
      throw new Error(`${text} was not said, but:\n${running.stdout}\n${running.stderr}`);
    });
  return running;
}

/** Runs a script to its end. */
export function run(script, options) {
  return launch(script, options).exit;
}

/** The environment without what vitest puts in it for its own workers. */
function environment() {
  const { NODE_OPTIONS, NODE_EXTRA_CA_CERTS, VITEST, ...rest } = process.env;
  return rest;
}
