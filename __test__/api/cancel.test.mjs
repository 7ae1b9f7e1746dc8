import { describe, expect } from 'vitest';
import { AluviaClientSession } from '../support/api-package.mjs';
import { failureOf, firstFrame, freePort, isListening, test, until } from '../support/api-test.mjs';

/** What a start that was cancelled is rejected with. */
function isAbortError(error) {
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
}

describe('a signal', () => {
  test('that has been aborted before starts nothing', async ({ api, newClient }) => {
    const client = newClient();
    const reason = new Error('changed my mind');

    const { line } = firstFrame(new Error('here'));
    const error = await failureOf(client.start({ signal: AbortSignal.abort(reason) }));

    isAbortError(error);
    expect(error.cause).toBe(reason);
    expect(firstFrame(error)).toEqual({ file: 'cancel.test.mjs', line: line + 1 });
    expect(api.requests).toEqual([]);
  });

  test('that has been aborted before does not stop what runs', async ({ newClient }) => {
    const client = newClient();
    const session = await client.start();

    isAbortError(await failureOf(client.start({ signal: AbortSignal.abort() })));

    expect(await client.start()).toBe(session);
    expect(await isListening(session.port)).toBe(true);
  });

  test('gives up a start that waits for the API, which then lets go of the API', async ({
    api,
    newClient,
  }) => {
    api.hang();
    const client = newClient({ localPort: await freePort() });
    const controller = new AbortController();
    const reason = new Error('enough');

    const { line } = firstFrame(new Error('here'));
    const failed = failureOf(client.start({ signal: controller.signal }));
    await until(() => expect(api.requests).toHaveLength(1));
    controller.abort(reason);
    const error = await failed;

    isAbortError(error);
    expect(error.cause).toBe(reason);
    expect(firstFrame(error)).toEqual({ file: 'cancel.test.mjs', line: line + 1 });
    await until(() => expect(api.requests[0].wasCut).toBe(true));
  });

  test('that fires after the start has succeeded changes nothing', async ({ newClient }) => {
    const controller = new AbortController();
    const client = newClient();
    const session = await client.start({ signal: controller.signal });

    controller.abort();

    expect(await client.start()).toBe(session);
    expect(await isListening(session.port)).toBe(true);
  });

  test('of one of two waiters leaves the other one its session', async ({ api, newClient }) => {
    const release = api.hang();
    const client = newClient();
    const controller = new AbortController();

    const patient = client.start();
    const impatient = failureOf(client.start({ signal: controller.signal }));
    await until(() => expect(api.requests).toHaveLength(1));
    controller.abort();
    isAbortError(await impatient);
    release();

    const session = await patient;
    expect(await isListening(session.port)).toBe(true);
    expect(api.requests).toHaveLength(1);
  });

  test('of all waiters ends the start', async ({ api, newClient }) => {
    api.hang();
    const client = newClient();
    const [one, two] = [new AbortController(), new AbortController()];

    const failed = [one, two].map(({ signal }) => failureOf(client.start({ signal })));
    await until(() => expect(api.requests).toHaveLength(1));
    one.abort();
    isAbortError(await failed[0]);
    expect(api.requests[0].wasCut).toBe(false);
    two.abort();
    isAbortError(await failed[1]);

    await until(() => expect(api.requests[0].wasCut).toBe(true));
  });

  test('that times out is the cause', async ({ api, newClient }) => {
    api.hang();

    const error = await failureOf(newClient().start({ signal: AbortSignal.timeout(30) }));

    isAbortError(error);
    expect(error.cause.name).toBe('TimeoutError');
  });

  test('has no listener left in the end', async ({ newClient }) => {
    const { signal } = new AbortController();
    const listeners = new Set();
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (type, listener, options) => {
      listeners.add(listener);
      addEventListener.call(signal, type, listener, options);
    };
    signal.removeEventListener = (type, listener) => {
      listeners.delete(listener);
      removeEventListener.call(signal, type, listener);
    };
    const client = newClient();

    await client.start({ signal });
    await client.start({ signal });

    expect(listeners.size).toBe(0);
    expect(signal.onabort).toBeNull();
  });

  test('that is aborted does not spoil a start after its AbortError', async ({
    api,
    newClient,
  }) => {
    const release = api.hang();
    const client = newClient();
    const controller = new AbortController();
    const failed = failureOf(client.start({ signal: controller.signal }));
    await until(() => expect(api.requests).toHaveLength(1));

    controller.abort();
    isAbortError(await failed);
    const next = client.start();
    release();

    expect(await next).toBeInstanceOf(AluviaClientSession);
  });

  test('that is aborted does not spoil a start in the same turn', async ({ api, newClient }) => {
    const release = api.hang();
    const client = newClient();
    const controller = new AbortController();
    const failed = failureOf(client.start({ signal: controller.signal }));
    await until(() => expect(api.requests).toHaveLength(1));

    controller.abort();
    const next = client.start();
    release();

    isAbortError(await failed);
    expect(await next).toBeInstanceOf(AluviaClientSession);
  });
});

describe('stop during start', () => {
  test('rejects the start with an AbortError, and nothing listens afterwards', async ({
    api,
    newClient,
  }) => {
    const release = api.hang();
    const localPort = await freePort();
    const client = newClient({ localPort });

    const { line } = firstFrame(new Error('here'));
    const failed = failureOf(client.start());
    await until(() => expect(api.requests).toHaveLength(1));
    await client.stop();
    const error = await failed;

    isAbortError(error);
    expect(firstFrame(error)).toEqual({ file: 'cancel.test.mjs', line: line + 1 });
    expect(await isListening(localPort)).toBe(false);
    await until(() => expect(api.requests[0].wasCut).toBe(true));
    release();

    const session = await client.start();
    expect(session.port).toBe(localPort);
    expect(await isListening(localPort)).toBe(true);
  });

  test('rejects each that waits, also those with a signal', async ({ api, newClient }) => {
    api.hang();
    const client = newClient();
    const { signal } = new AbortController();

    const failed = [client.start(), client.start({ signal }), client.start()].map(failureOf);
    await client.stop();

    for (const error of await Promise.all(failed)) isAbortError(error);
  });

  test('works in the same turn as the start', async ({ newClient }) => {
    const localPort = await freePort();
    const client = newClient({ localPort });

    const failed = failureOf(client.start());
    await client.stop();

    isAbortError(await failed);
    expect(await isListening(localPort)).toBe(false);
  });

  test('works at each moment of a start', async ({ newClient }) => {
    const localPort = await freePort();
    const client = newClient({ localPort });
    const outcomes = [];
    // Later and later, until the start is over before the stop.
    for (let delay = 0; delay < 200 && outcomes.at(-1) !== 'started'; delay += 0.1) {
      const started = client.start().then(
        () => 'started',
        (error) => error.name,
      );
      await pause(delay);
      await client.stop();

      outcomes.push(await started);
      expect(await isListening(localPort)).toBe(false);
    }

    expect(outcomes[0]).toBe('AbortError');
    expect(outcomes.at(-1)).toBe('started');
    expect(new Set(outcomes).size).toBe(2);
  });

  test('lets a start that is called after it begin anew', async ({ newClient }) => {
    const client = newClient();

    const first = failureOf(client.start());
    const stopped = client.stop();
    const second = client.start();

    isAbortError(await first);
    await stopped;
    expect(await isListening((await second).port)).toBe(true);
  });

  test('that is called several times ends each of them', async ({ api, newClient }) => {
    api.hang();
    const client = newClient();
    const failed = failureOf(client.start());

    const stopped = await Promise.all([client.stop(), client.stop(), client.stop()]);

    isAbortError(await failed);
    expect(stopped).toEqual([undefined, undefined, undefined]);
  });
});

/** Waits for about so many milliseconds, also for less than a timer can. */
async function pause(milliseconds) {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) await new Promise(setImmediate);
}
