/** What every WebSocket client has to get from a session. */

import { expect, onTestFinished, test } from 'vitest';
import { ownBytes, summary } from './payload.mjs';
import { across, gatewayLog } from './routes.mjs';
import { BY_GATEWAY, DIRECT, setStage } from './stage.mjs';

/** Takes a 64-bit length on the wire, and more than one read. */
const LARGE_MESSAGE = 1024 * 1024;

/**
 * @typedef {Awaited<ReturnType<typeof setStage>>} Stage
 * @typedef {EventTarget & Pick<WebSocket, 'send' | 'close' | 'binaryType'>} Socket
 */

/**
 * @param {object} contract
 * @param {('ws' | 'wss')[]} [contract.schemes]
 * @param {'connect' | 'absolute'} contract.form how the client asks its proxy
 * @param {(stage: Stage) => (url: string) => Socket} contract.open
 */
export function testWebSocketClient({ schemes = ['ws', 'wss'], form, open }) {
  async function given(options) {
    const stage = await setStage(options);
    return { connect: open(stage), ...stage, sites: stage.sandbox.sites };
  }

  for (const { scheme, secure, way, name, via, gatewayProtocol } of across(schemes)) {
    test(`talks over ${scheme} ${way}`, async () => {
      const { connect, sandbox, sites } = await given({ gatewayProtocol });
      const url = `${sites[name][scheme]}/chat?room=1`;

      const talk = new Talk(connect(url));
      const greeting = await talk.next();
      talk.send('grüß dich');
      const text = await talk.next();
      talk.send(ownBytes(LARGE_MESSAGE));
      const binary = await talk.next();
      const closed = await talk.close();

      expect(JSON.parse(greeting)).toEqual({ site: name, via, secure });
      expect(text).toBe('grüß dich');
      expect(summary(Buffer.from(binary))).toEqual(summary(ownBytes(LARGE_MESSAGE)));
      expect(closed).toEqual({ code: 1000, wasClean: true });
      expect(sites[name].requests).toMatchObject([{ path: '/chat?room=1', via, secure }]);
      expect(sandbox.gateway.requests).toEqual(
        gatewayLog(sandbox, { via, form, url, status: 101 }),
      );
    });
  }

  // Sites can be reached without a proxy too: this shows that the direct ones above were not.
  test.for(schemes)('reaches no site over %s once the session has stopped', async (scheme) => {
    const { connect, session, sites } = await given();
    await session.stop();

    const talk = new Talk(connect(sites[DIRECT][scheme]));

    await expect(talk.next()).rejects.toThrow('closed with 1006');
    expect(sites[DIRECT].requests).toEqual([]);
  });

  for (const scheme of schemes) {
    test(`reaches a name that only the gateway knows over ${scheme} with the rule *`, async () => {
      const { connect, sandbox, sites } = await given({ rules: ['*'] });
      const site = sites[BY_GATEWAY];
      const url = site.gatewayOnly[scheme];

      const talk = new Talk(connect(url));
      const greeting = await talk.next();
      await talk.close();

      expect(JSON.parse(greeting)).toMatchObject({ site: BY_GATEWAY, via: 'gateway' });
      expect(site.requests).toMatchObject([{ via: 'gateway' }]);
      expect(sandbox.gateway.requests).toEqual(
        gatewayLog(sandbox, { via: 'gateway', form, url, status: 101 }),
      );
    });

    test(`fails over ${scheme} for such a name without a rule`, async () => {
      const { connect, sandbox, sites } = await given({ rules: [] });
      const site = sites[BY_GATEWAY];

      const talk = new Talk(connect(site.gatewayOnly[scheme]));

      await expect(talk.next()).rejects.toThrow('closed with 1006');
      expect(site.requests).toEqual([]);
      expect(sandbox.gateway.requests).toEqual([]);
    });
  }
}

/** The messages of a WebSocket in turn, whichever of the libraries it comes from. */
class Talk {
  #socket;
  #opened;
  #closed;
  #arrived = [];
  #wanted = [];

  /** @param {Socket} socket */
  constructor(socket) {
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    this.#opened = new Promise((resolve) => socket.addEventListener('open', resolve));
    this.#closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, wasClean }) => resolve({ code, wasClean }));
    });
    // A close follows each error, and tells as much.
    socket.addEventListener('error', () => {});
    socket.addEventListener('message', ({ data }) => {
      const wanted = this.#wanted.shift();
      if (wanted) wanted(data);
      else this.#arrived.push(data);
    });
    onTestFinished(() => this.close());
  }

  /** The next message; rejects if the socket closes first. */
  async next() {
    if (this.#arrived.length > 0) return this.#arrived.shift();
    const message = new Promise((resolve) => this.#wanted.push(resolve));
    const closed = this.#closed.then(({ code }) => {
      throw new Error(`closed with ${code}`);
    });
    return await Promise.race([message, closed]);
  }

  /** @param {string | Buffer} message */
  send(message) {
    this.#socket.send(message);
  }

  /** Says goodbye, and waits for the other side to do so too. */
  async close() {
    await Promise.race([this.#opened, this.#closed]);
    this.#socket.close(1000);
    return await this.#closed;
  }
}
