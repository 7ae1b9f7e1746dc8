import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

/**
 * An Aluvia API whose every answer a test can replace: set `answer`, and call `serve` for the ordinary one.
 */
export class ApiServer {
  /** What was asked, the oldest first: `{ method, path, headers, body, time, wasCut }`. */
  requests = [];
  /** How many requests are being answered at this moment, and the most that ever were. */
  running = 0;
  mostRunning = 0;
  account = {
    proxy_username: 'user',
    proxy_password: 'password',
    rules: [],
    session_id: null,
    target_geo: null,
  };
  answer = (request, response) => this.serve(request, response);
  #server = http.createServer((request, response) => this.#take(request, response));

  static async start() {
    const api = new ApiServer();
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    return api;
  }

  get port() {
    return this.#server.address().port;
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  get baseUrl() {
    return `${this.origin}/v1`;
  }

  get polls() {
    return this.requests.filter(({ method }) => method === 'GET');
  }

  get updates() {
    return this.requests.filter(({ method }) => method === 'PATCH');
  }

  get tag() {
    return `"${createHash('sha256').update(JSON.stringify(this.account)).digest('hex').slice(0, 16)}"`;
  }

  /** GET with an entity tag, and PATCH. */
  serve(request, response) {
    if (request.method === 'PATCH') Object.assign(this.account, JSON.parse(request.body));
    else if (request.headers['if-none-match'] === this.tag) return send(response, 304, '');
    return this.tell(response);
  }

  /** The whole configuration. */
  tell(response, headers = { ETag: this.tag }) {
    return send(response, 200, { data: this.account }, headers);
  }

  /** From now on nothing is answered. Returns a function that answers all that waits, and what comes after it. */
  hang() {
    const before = this.answer;
    const waiting = [];
    this.answer = (...exchange) => waiting.push(exchange);
    return () => {
      this.answer = before;
      for (const exchange of waiting) this.answer(...exchange);
    };
  }

  async close() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #take(incoming, response) {
    const { method, url: path, headers } = incoming;
    const request = { method, path, headers, body: '', time: performance.now(), wasCut: false };
    this.requests.push(request);
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    response.on('close', () => {
      this.running -= 1;
      request.wasCut = !response.writableFinished;
    });
    response.on('error', () => {});
    incoming.on('error', () => {});
    for await (const chunk of incoming.setEncoding('utf8')) request.body += chunk;
    this.answer(request, response);
  }
}

/** Answers with a text, bytes, or an object as JSON. */
export function send(response, status, body, headers = {}) {
  const isData = typeof body === 'object' && !Buffer.isBuffer(body);
  response.writeHead(status, {
    'Content-Type': isData ? 'application/json' : 'text/plain',
    ...headers,
  });
  response.end(isData ? JSON.stringify(body) : body);
}
