/// <reference lib="esnext.disposable" />

/**
 * A sandbox to try and to test `@aluvia/aluvia-node` in, without an account and without the
 * Internet: a stand-in for the Aluvia API, one for the gateway, and a few sites to visit, all of
 * them on 127.0.0.1.
 *
 * ```js
 * const { AluviaClient } = require('@aluvia/aluvia-node');
 * const { startSandbox } = require('@aluvia/aluvia-node/testing');
 *
 * const sandbox = await startSandbox({ rules: ['shop.localhost'] });
 * const client = new AluviaClient(sandbox.clientOptions);
 * // … requests to sandbox.sites['shop.localhost'].https take the gateway, all others go direct.
 * await sandbox.stop();
 * ```
 *
 * @module
 */

/** The sites of a sandbox that was not told which to have. */
export type DefaultSite = 'shop.localhost' | 'news.localhost' | 'api.localhost';

/**
 * Starts the API, the gateway and the sites, each on a free port.
 *
 * Like any server they keep the process alive, until {@link Sandbox.stop}.
 *
 * @throws {TypeError} An option is not what it should be; the message names it.
 */
export function startSandbox<Name extends string = DefaultSite>(
  options?: SandboxOptions<Name>,
): Promise<Sandbox<Name>>;

export interface SandboxOptions<Name extends string = string> {
  /**
   * The rules that the API tells at first, for example `['shop.localhost', '*.test']`.
   * @default []
   */
  rules?: readonly string[];

  /**
   * Names of the sites, in lower case, each ending in `.localhost`: names that the proxy itself
   * takes to be this machine (RFC 6761 §6.3), so that `/etc/hosts` can stay as it is.
   * @default ['shop.localhost', 'news.localhost', 'api.localhost']
   */
  sites?: readonly Name[];

  /**
   * How a client speaks to the gateway: in the clear, or over TLS with a certificate by
   * {@link Sandbox.ca}.
   * @default 'http'
   */
  gatewayProtocol?: 'http' | 'https';

  /**
   * The API token that the API accepts.
   * @default 'sandbox-token'
   */
  token?: string;
}

export interface Sandbox<Name extends string = string> extends AsyncDisposable {
  /** The API token that the API accepts. */
  readonly token: string;

  /** What `new AluviaClient()` needs in order to use this sandbox; spread it to add to it. */
  readonly clientOptions: SandboxClientOptions;

  /**
   * The certificate authority (PEM) behind the sites, and behind a gateway that speaks TLS. Made
   * at the start; its key never leaves the process.
   */
  readonly ca: string;

  /** The sites by name: `sandbox.sites['shop.localhost']`. */
  readonly sites: { readonly [Key in Name]: Site };

  readonly api: FakeApi;

  readonly gateway: FakeGateway;

  /**
   * Changes the rules behind the client's back, as an operator would in Aluvia's dashboard. The
   * client learns of it when it next asks the API.
   * @throws {TypeError} `rules` is not an array of strings.
   */
  setRules(rules: readonly string[]): void;

  /**
   * Gives the account a new proxy username and password. The API tells the new ones from now on;
   * the gateway refuses the old ones at once, except on connections it has already let through.
   */
  rotateCredentials(): void;

  /**
   * Stops listening and closes every socket, also of requests under way. Further calls do nothing
   * more. `await using` does the same.
   */
  stop(): Promise<void>;
}

export interface SandboxClientOptions {
  token: string;
  apiBaseUrl: string;
  gatewayProtocol: 'http' | 'https';
  gatewayHost: string;
  gatewayPort: number;
  /** PEM. */
  ca: string;
  /** Short, so that nobody has to wait for a change. */
  pollIntervalMs: number;
}

/** Where to reach a site: origins, with a port and without a slash at the end. */
export interface SiteAddress {
  /** For example `shop.localhost`. */
  readonly name: string;
  /** For example `http://shop.localhost:40001`. */
  readonly http: string;
  readonly https: string;
  readonly ws: string;
  readonly wss: string;
}

/**
 * One origin, over HTTP and HTTPS. All sites share two ports and are told apart by Host; the names
 * `localhost` and `127.0.0.1` mean the first one. What they answer:
 *
 * | path           | answer                                                                        |
 * | -------------- | ----------------------------------------------------------------------------- |
 * | `/echo`        | the request's body, streamed, with its content type                           |
 * | `/bytes/N`     | N bytes and a Content-Length; the byte at position i is `i % 251`             |
 * | `/chunked/N`   | N chunks: `chunk 1\n`, `chunk 2\n`, …                                         |
 * | `/sse`         | three server-sent events, 20 ms apart: `{"n":1}` to `{"n":3}`                 |
 * | `/slow/MS`     | as any other path, MS milliseconds later                                      |
 * | `/status/CODE` | that status                                                                   |
 * | any other      | {@link SiteAnswer} as JSON, or a small page if HTML is preferred              |
 *
 * A WebSocket may be opened at any path: the first message tells `{ site, via, secure }` as JSON,
 * and from then on every message comes back.
 */
export interface Site extends SiteAddress {
  /**
   * The same site under a name that nothing but the gateway can resolve, `shop.test` for
   * `shop.localhost`. Unlike a `.localhost` name it is covered by the rule `*`.
   */
  readonly gatewayOnly: SiteAddress;

  /** What arrived here, the oldest first. Filled as it happens; keeps the latest 10,000. */
  readonly requests: readonly SiteRequest[];
}

/** How a request reached a site. */
export type Via = 'direct' | 'gateway';

/** What a site says about the request it got. */
export interface SiteAnswer {
  /** The site's name, also when asked for by another of its names. */
  site: string;
  /** With the query. */
  path: string;
  method: string;
  /** Told by where the connection comes from, whatever the request says, and for HTTPS too. */
  via: Via;
  /** Whether it came over TLS. */
  secure: boolean;
  /** By name in lower case. */
  headers: Record<string, string | string[] | undefined>;
}

export interface SiteRequest extends SiteAnswer {
  /** Names and values in turn, as they stood on the wire. */
  rawHeaders: string[];
  /** When it came, as `Date.now()` tells. */
  time: number;
}

/** What both the API and the gateway can be told. */
export interface Fallible {
  /**
   * From now on requests fail, before anything else is looked at. Ends with
   * {@link Fallible.succeed}, with another `fail()`, or after `times` requests.
   * @throws {TypeError} A field is not what it should be; the message names it.
   */
  fail(failure?: Failure): void;

  /** Requests are served again. One that is already failing goes on failing. */
  succeed(): void;
}

export interface Failure {
  /**
   * What happens:
   * - `status`: an answer with `status`, `headers` and `body`
   * - `reset`: the connection is reset (TCP RST), with no answer
   * - `hang`: no answer, on a connection that stays open
   * - `garbage`: bytes that are not HTTP, then the connection closes
   * - `drip`: the answer of `status`, one byte every `everyMs`, then the connection closes
   * - `delay`: the request is served as usual, `delayMs` late
   * @default 'status'
   */
  kind?: 'status' | 'reset' | 'hang' | 'garbage' | 'drip' | 'delay';

  /**
   * From 200 to 599.
   * @default 503
   */
  status?: number;

  /** More fields for the answer, for example `{ 'Retry-After': '1' }`. */
  headers?: Record<string, string>;

  /**
   * Text, or an object to be sent as JSON.
   * @default an error in the API's shape
   */
  body?: string | object;

  /**
   * Only requests with this method, for example `'PATCH'` or `'CONNECT'`.
   * @default any
   */
  method?: string;

  /**
   * How many requests fail.
   * @default Infinity, until `succeed()`
   */
  times?: number;

  /**
   * Milliseconds to wait first, whatever the kind.
   * @default 0
   */
  delayMs?: number;

  /**
   * Milliseconds from byte to byte of a `drip`.
   * @default 50
   */
  everyMs?: number;
}

/**
 * A stand-in for the Aluvia API: `GET <baseUrl>/user` with an ETag, and `PATCH <baseUrl>/user` with
 * `rules` and `session_id`.
 */
export interface FakeApi extends Fallible {
  /** For example `http://127.0.0.1:40002/v1`. */
  readonly baseUrl: string;

  /** What was asked, the oldest first. Filled as it happens; keeps the latest 10,000. */
  readonly requests: readonly ApiRequest[];

  /** What the API tells a client at present, as a copy. */
  readonly config: AccountConfig;
}

/** The `data` of the API's answer. */
export interface AccountConfig {
  proxy_username: string;
  proxy_password: string;
  rules: string[];
  session_id: string | null;
  target_geo: string | null;
}

export interface ApiRequest {
  method: string;
  /** With the query. */
  path: string;
  /** By name in lower case. Nothing is left out: this log shows the token. */
  headers: Record<string, string | string[] | undefined>;
  /** As text; empty if there was none. */
  body: string;
  /** `null` as long as there is no answer. */
  status: number | null;
  /** When it came, as `Date.now()` tells. */
  time: number;
}

/**
 * A stand-in for the gateway: an HTTP proxy for CONNECT and for absolute-form, upgrades included.
 * It asks for the account's credentials (407), knows the sandbox's sites and nothing else (502),
 * and marks what it carries in absolute-form, both ways, with `X-Aluvia-Sandbox-Route: gateway`.
 */
export interface FakeGateway extends Fallible {
  readonly protocol: 'http' | 'https';
  readonly host: string;
  readonly port: number;

  /** What was asked, the oldest first. Filled as it happens; keeps the latest 10,000. */
  readonly requests: readonly GatewayRequest[];
}

export interface GatewayRequest {
  /** `connect` for a CONNECT, `http` for absolute-form. */
  kind: 'connect' | 'http';
  method: string;
  /** The host asked for, or all of the target if it cannot be read (then `port` is 0). */
  host: string;
  port: number;
  /** With the query. `null` for a CONNECT, which tells none. */
  path: string | null;
  /** Of the credentials sent, right or wrong. */
  username: string | null;
  /** `null` as long as there is no answer. */
  status: number | null;
  /** When it came, as `Date.now()` tells. */
  time: number;
}
