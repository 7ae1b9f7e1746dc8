import http from 'node:http';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { test as base, expect, vi } from 'vitest';
import { AluviaClient, startSandbox } from './api-package.mjs';
import { ApiServer } from './api-server.mjs';

export const TOKEN = 'token-of-the-tests';

/**
 * A test with `api` (an {@link ApiServer}), `sandbox`, `records` (what the clients log) and `newClient`, which makes clients
 * of that API that are stopped in the end. They do not poll unless they are told to.
 */
export const test = base.extend({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the pattern to find dependencies
  api: async ({}, use) => {
    const api = await ApiServer.start();
    await use(api);
    await api.close();
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  sandbox: async ({}, use) => {
    const sandbox = await startSandbox({ rules: [] });
    await use(sandbox);
    await sandbox.stop();
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  records: async ({}, use) => use([]),
  newClient: async ({ api, records }, use) => {
    const clients = [];
    await use((options) => {
      const client = new AluviaClient({
        token: TOKEN,
        apiBaseUrl: api.baseUrl,
        pollIntervalMs: 0,
        // One of another host would be warned of.
        gatewayHost: '127.0.0.1',
        drainTimeoutMs: 100,
        logger: (record) => records.push(record),
        ...options,
      });
      clients.push(client);
      return client;
    });
    await Promise.all(clients.map((client) => client.stop()));
  },
});

/** Waits until the assertion holds. */
export function until(assertion, timeout = 10_000) {
  return vi.waitFor(assertion, { timeout, interval: 5 });
}

/** What the function throws. */
export function thrownBy(action) {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** What the promise is rejected with. */
export async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('the promise was fulfilled');
}

/** The first frame of an error's stack: `{ file, line }`. */
export function firstFrame({ stack }) {
  const frame = stack.split('\n').find((line) => /^\s+at /.test(line)) ?? '';
  const [, file, line] = /([^/\\\s()]+):(\d+):\d+\)?$/.exec(frame) ?? [];
  return { file, line: Number(line) };
}

/** Asks for a URL through the proxy, in absolute-form and on a connection of its own. */
export async function visit(session, url) {
  const request = http.get({
    host: session.host,
    port: session.port,
    path: url,
    headers: { Host: new URL(url).host },
    agent: false,
  });
  const response = await new Promise((resolve, reject) => {
    request.on('response', resolve).on('error', reject);
  });
  return { status: response.statusCode, body: await text(response) };
}

/** Whether somebody listens on the port of 127.0.0.1. */
export function isListening(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

/** A port that nobody listens on at the moment. */
export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Messages of records, as the console shows them without their level. */
export function messages(records, level) {
  return records
    .filter((record) => level === undefined || record.level === level)
    .map(({ message }) => message);
}

/** What is said of each change of the configuration. */
export function changes(records) {
  return records
    .filter(({ level, message }) => level === 'info' && message.startsWith('configuration changed'))
    .map(({ message, fields }) => [message, ...Object.values(fields)].join(' '));
}

/** An error as the public API has it. */
export function isAluviaError(error, type, code) {
  expect(error).toBeInstanceOf(type);
  expect(error).toMatchObject({ name: type.name, code });
}
