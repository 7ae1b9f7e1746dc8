/** A sandbox and a session of the package that runs against it: what every client test stands on. */

import { EventEmitter, once } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { AluviaClient } from '@aluvia/aluvia-node';
import { startSandbox } from '@aluvia/aluvia-node/testing';
import { onTestFinished } from 'vitest';

/** The site that the rules of a stage send through the gateway. */
export const BY_GATEWAY = 'shop.localhost';

/** A site that they say nothing about. */
export const DIRECT = 'news.localhost';

/**
 * Starts both; whoever calls it has to call `stop()`.
 *
 * @param {import('@aluvia/aluvia-node/testing').SandboxOptions} [options]
 */
export async function startStage({ rules = [BY_GATEWAY], ...options } = {}) {
  const sandbox = await startSandbox({ rules, ...options });
  const log = new EventEmitter();
  const client = new AluviaClient({
    ...sandbox.clientOptions,
    logger: ({ message }) => {
      if (message.startsWith('configuration changed')) log.emit('change');
    },
  });
  const session = await client.start();

  return {
    sandbox,
    session,

    /** Changes the rules as an operator would; resolves when the session has taken them over. */
    async changeRules(changed) {
      if (isDeepStrictEqual(changed, sandbox.api.config.rules)) return;
      const taken = once(log, 'change');
      sandbox.setRules(changed);
      await taken;
    },

    async stop() {
      await session.stop();
      await sandbox.stop();
    },
  };
}

/**
 * The same for one test, at whose end it stops: after everything that was set up later.
 *
 * @param {import('@aluvia/aluvia-node/testing').SandboxOptions} [options]
 */
export async function setStage(options) {
  const stage = await startStage(options);
  onTestFinished(stage.stop);
  return stage;
}
