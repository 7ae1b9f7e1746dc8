import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Agent, ProxyAgent, request } from 'undici';
import { test as base, expect } from 'vitest';
import WebSocket from 'ws';
import { startSandbox } from '../../lib/testing/index.js';

export const SHOP = 'shop.localhost';

export const test = base.extend({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the pattern to find dependencies
  sandbox: async ({}, use) => {
    const sandbox = await startSandbox({ rules: [SHOP] });
    await use(sandbox);
    await sandbox.stop();
  },
  shop: async ({ sandbox }, use) => use(sandbox.sites[SHOP]),
  direct: async ({ sandbox }, use) => {
    const agent = new Agent({ connect: { ca: sandbox.ca, lookup: loopback } });
    await use((url, options) => ask(url, { ...options, dispatcher: agent }));
    await agent.destroy();
  },
});

/**
 * Runs code beside a fresh sandbox in a process of its own, which has to end by itself.
 * @returns what it has printed
 */
export async function runScript(code) {
  const library = fileURLToPath(new URL('../../lib/testing/index.js', import.meta.url));
  const script = `
    const net = require('node:net');
    const tls = require('node:tls');
    const sleep = require('node:util').promisify(setTimeout);
    const print = (text) => process.stdout.write(text);
    const isOpen = (resource) => !['PipeWrap', 'Timeout'].includes(resource);
    const openResources = () => process.getActiveResourcesInfo().filter(isOpen).join() || 'none';
    require(${JSON.stringify(library)}).startSandbox().then(async (sandbox) => {${code}});`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], {
    timeout: 10_000,
  });
  return stdout;
}

/** The whole of an answer, the body as `bytes`, `text` or `json()`. */
export async function ask(url, options) {
  const { statusCode, headers, body } = await request(url, options);
  const bytes = Buffer.from(await body.arrayBuffer());
  const text = bytes.toString();
  return { status: statusCode, headers, bytes, text, json: () => JSON.parse(text) };
}

export function callApi(sandbox, { path = '/user', headers, ...options } = {}) {
  const authorization = { Authorization: `Bearer ${sandbox.token}`, ...headers };
  return ask(`${sandbox.api.baseUrl}${path}`, { ...options, reset: true, headers: authorization });
}

export function patch(sandbox, change) {
  const body = typeof change === 'string' ? change : JSON.stringify(change);
  return callApi(sandbox, { method: 'PATCH', body });
}

/** A way to ask through the sandbox's gateway, with the credentials of this moment. */
export function proxy({ gateway, ca, api }, options) {
  const { proxy_username, proxy_password } = api.config;
  const dispatcher = new ProxyAgent({
    uri: `${gateway.protocol}://${gateway.host}:${gateway.port}`,
    token: basic(proxy_username, proxy_password).split(': ')[1].trim(),
    requestTls: { ca },
    proxyTls: { ca, servername: 'localhost' },
    ...options,
  });
  return (url, requestOptions) => ask(url, { ...requestOptions, dispatcher });
}

/** With node:http, which shows the connection that was used. */
export async function nodeGet(sandbox, url, options) {
  const [name, value] = authorization(sandbox).trim().split(': ');
  const { hostname: host, port } = new URL(`http://127.0.0.1:${sandbox.gateway.port}`);
  const asked = http.get({ host, port, path: url, headers: { [name]: value }, ...options });
  const [answer] = await once(asked, 'response');
  const localPort = answer.socket.localPort;
  answer.resume();
  await once(answer, 'end');
  return { status: answer.statusCode, port: localPort };
}

/** Says something to a port, and listens until the other side has nothing more to say. */
export async function converse(port, said, patience = 4000) {
  const socket = net.connect(port, '127.0.0.1');
  const received = collect(socket);
  for (const part of [said].flat()) socket.write(part);
  const over = once(socket, 'close').then(
    () => 'close',
    (error) => error.code,
  );
  const ending = await Promise.race([over, sleep(patience, 'still open', { ref: false })]);
  socket.destroy();
  return { ending, text: received.text, bytes: received.bytes() };
}

export function collect(socket) {
  const chunks = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  return {
    bytes: () => Buffer.concat(chunks),
    get text() {
      return Buffer.concat(chunks).toString('latin1');
    },
    until(pattern) {
      return eventually(() => pattern.test(this.text));
    },
  };
}

export async function eventually(isTrue) {
  const patience = performance.now() + 4000;
  while (!isTrue()) {
    if (performance.now() > patience) throw new Error(`It never came true: ${isTrue}`);
    await sleep(2);
  }
}

export function connectText(sandbox, host = new URL(sandbox.sites[SHOP].https).host) {
  return `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n${authorization(sandbox)}\r\n`;
}

export function absoluteText(sandbox, url, fields = []) {
  const lines = [`GET ${url} HTTP/1.1`, `Host: ${SHOP}`, ...fields];
  return `${lines.join('\r\n')}\r\n${authorization(sandbox)}\r\n`;
}

export function upgradeText(sandbox, origin) {
  return upgradeHead(`GET ${origin}/ HTTP/1.1\r\nHost: ${SHOP}\r\n${authorization(sandbox)}`);
}

export function upgradeHead(head) {
  const key = Buffer.alloc(16).toString('base64');
  return `${head}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
}

export function apiRequestText(sandbox) {
  return `GET /v1/user HTTP/1.1\r\nHost: api\r\nConnection: close\r\nAuthorization: Bearer ${sandbox.token}\r\n\r\n`;
}

export function authorization({ api }) {
  return basic(api.config.proxy_username, api.config.proxy_password);
}

export function basic(username, password) {
  const credentials = Buffer.from(`${username}:${password}`).toString('base64');
  return `Proxy-Authorization: Basic ${credentials}\r\n`;
}

export async function connectThrough(sandbox, host) {
  const socket = net.connect(sandbox.gateway.port, '127.0.0.1');
  socket.write(connectText(sandbox, host));
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1.1 200 /);
  return socket;
}

/** An open WebSocket, and `next()` for one message after the other. */
export async function open(url, options, protocols = []) {
  const socket = new WebSocket(url, protocols, options);
  const messages = [];
  socket.on('message', (data, isBinary) => messages.push(isBinary ? data : String(data)));
  const [[upgrade]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')]);
  const next = async () => {
    await eventually(() => messages.length > 0);
    return messages.shift();
  };
  return { socket, next, upgrade };
}

/** The certificate that a site shows, once it has been verified. */
export async function handshake(sandbox, site, options) {
  const { hostname, port } = new URL(site.https);
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    servername: hostname,
    ca: sandbox.ca,
    ...options,
  });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerCertificate();
  socket.destroy();
  return certificate;
}

export function expectedBytes(length) {
  return Buffer.alloc(length, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
}

/** Resolves every name to this machine. */
export function loopback(_hostname, options, callback) {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
}
