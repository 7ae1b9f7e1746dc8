/** Clients of a session that speak on bare sockets, and servers for them. */

import { once } from 'node:events';
import net from 'node:net';
import { onTestFinished } from 'vitest';

/** Sends a text to a session on a connection of its own: `{ socket, head }`, with the head of the answer. */
export async function speak({ host, port }, text) {
  const socket = net.connect(port, host).on('error', () => {});
  socket.write(text);
  return { socket, head: await readHead(socket) };
}

/** A CONNECT that stands: the socket behind it, which nobody reads yet. */
export async function connect(session, target) {
  const { socket, head } = await speak(session, connectHead(target));
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(`CONNECT ${target}: ${head}`);
  return socket;
}

/** Many of them, which last until the test is over. */
export async function connectMany(count, session, target) {
  const sockets = await Promise.all(Array.from({ length: count }, () => connect(session, target)));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  return sockets;
}

/** @param {string} target `host:port` */
export function connectHead(target, ...fields) {
  const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`, ...fields];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/**
 * A server that says back what it hears, until the test is over: `{ target, sockets }`.
 *
 * @param {(socket: net.Socket) => void} [serve]
 */
export async function startOrigin(serve = (socket) => socket.pipe(socket)) {
  const sockets = [];
  const server = net.createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    serve(socket);
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 });
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address();
  return { port, target: `127.0.0.1:${port}`, sockets };
}

/** Sends a byte through a connect to a server that says it back. */
export function exchange(socket) {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error('the connect has ended'));
    socket.once('close', fail).once('data', () => resolve(socket.off('close', fail)));
    socket.write('x');
  });
}

/** How a socket ends: `end` in peace, or the code of its error; and after how many milliseconds. */
export function endOf(socket) {
  const since = performance.now();
  return new Promise((resolve) => {
    const ended = (how) => resolve({ how, after: performance.now() - since });
    socket.once('error', ({ code }) => ended(code));
    socket.once('end', () => ended('end')).once('close', () => ended('close'));
    socket.resume();
  });
}

/** Reads up to the empty line, and leaves what is behind it to others. */
async function readHead(socket) {
  let head = '';
  while (!head.includes('\r\n\r\n')) {
    const chunk = socket.read(1);
    if (chunk !== null) head += chunk.toString('latin1');
    else if (socket.readableEnded || socket.destroyed) throw new Error(`no answer but: ${head}`);
    else await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
  }
  return head;
}
