import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * Lets an agent trust one more authority, for clients that have no option of their own for that: an
 * `http.Agent` lays its options over those of each request.
 *
 * @template {import('node:http').Agent} Agent
 * @param {Agent} agent
 * @param {string} ca PEM
 */
export function trusting(agent, ca) {
  return Object.assign(agent, { options: { ...agent.options, ca } });
}

/**
 * Writes an authority to a file, for programs, until the test is over.
 *
 * @param {string} ca PEM
 * @returns {Promise<string>} its path
 */
export async function caFile(ca) {
  const folder = await mkdtemp(join(tmpdir(), 'aluvia-ca-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'ca.pem');
  await writeFile(path, ca);
  return path;
}
