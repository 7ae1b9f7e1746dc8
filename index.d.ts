/**
 * One local proxy for browser automation, scrapers and AI agents. Hostname rules decide whether a request goes direct or
 * through the Aluvia gateway; rules and credentials come from the Aluvia API and change while the program runs.
 *
 * @packageDocumentation
 */
import type { Agent } from 'node:http';

/** Options of {@link AluviaClient}. Times are in milliseconds. */
export interface AluviaClientOptions {
  /** The API token of your account. */
  token: string;
  /** Where the API is. Trailing slashes do not matter. Default: `https://api.aluvia.io/v1`. */
  apiBaseUrl?: string;
  /** The path of the configuration below `apiBaseUrl`. Default: `/user`. */
  configPath?: string;
  /** Time between two polls for a changed configuration: at least 50, or 0 for no polling. Default: 5000. */
  pollIntervalMs?: number;
  /** For one exchange with the API, its body included. Default: 10000. */
  apiTimeoutMs?: number;
  /** How to speak to the gateway: in the clear, or over TLS. Default: `http`. */
  gatewayProtocol?: 'http' | 'https';
  /** The gateway's host. Default: `gateway.aluvia.io`. */
  gatewayHost?: string;
  /** The gateway's port. Default: 8080, or 8443 for `https`. */
  gatewayPort?: number;
  /** The port to listen on, always on 127.0.0.1. Default: 0, which takes a free one. */
  localPort?: number;
  /**
   * For a connection to stand: name look-up, TCP, TLS and the gateway's reply together; and for the gateway to answer a plain
   * http request. Default: 10000.
   */
  connectTimeoutMs?: number;
  /** What `stop()` waits for running exchanges before it cuts them. Default: 2000. */
  drainTimeoutMs?: number;
  /**
   * How long a connection may be silent before it is closed: between requests, in the middle of an exchange, or in a
   * CONNECT. Default: ten minutes, in a CONNECT one hour.
   */
  idleTimeoutMs?: number;
  /** Client connections at once; those above it wait in the listen queue, and none is dropped. Default: 16384. */
  maxConnections?: number;
  /** The largest head of a request, in bytes, from 1024 to 1 MiB. Default: 65536. */
  maxHeaderSize?: number;
  /** The most fields that a request may have, from 16 to 1024. Default: 256. */
  maxHeadersCount?: number;
  /**
   * Asks clients for a user name and a password, with 407 (RFC 9110 §11.7.1): every program and every page of this machine
   * can reach the port. `true` makes a password that nobody can guess. The adapters fill it in where their client takes it;
   * others get it from {@link AluviaClientSession.getLocalAuth}. Default: nobody is asked.
   */
  localAuth?: boolean | LocalLogin;
  /**
   * Addresses and CIDR blocks that requests may lead to although they are refused otherwise: link-local addresses
   * (`169.254.0.0/16`, `fe80::/10`; clouds keep the metadata of their machines there), the same clouds' IPv6 addresses for it
   * (`fd00:ec2::254`, `fd00:ec2::23`, `fd20:ce::254`), multicast, broadcast, and `0.0.0.0/8`. Names count by what they resolve
   * to, and IPv6 addresses by the IPv4 one in them. Default: none.
   */
  allowTargets?: string[];
  /**
   * What becomes of a request that the rules send to a gateway that is out of order: cannot be reached, does not answer, talks
   * nonsense, or does not accept the credentials. `fail` answers 502 or 504; `direct` lets the site see this machine's own
   * address. A request whose bytes have left is not sent again. It may take `connectTimeoutMs` twice. Default: `fail`.
   */
  onGatewayFailure?: 'fail' | 'direct';
  /**
   * What becomes of a running connect (a tunnel or a WebSocket) whose host would go another way by new rules. `when-idle`
   * closes it when nothing has moved for two seconds, or longer where an answer may be due: a minute where the client spoke
   * last, ten seconds where TLS hides what a few bytes were; `close` resets it at once;
   * `keep` leaves it. Default: `when-idle`.
   */
  onRouteChange?: 'when-idle' | 'keep' | 'close';
  /**
   * A file that keeps the last good configuration, credentials included, readable for this user only. With it `start()`
   * succeeds while the API is down; `explain()` says so in `source`. Each client needs a file of its own. Default: none.
   */
  stateFile?: string;
  /** How old the configuration in `stateFile` may be, counted from when the API has confirmed it. Default: 7 days. */
  stateMaxAgeMs?: number;
  /** Extra roots in PEM for connections to the API and to the gateway, beside the bundled ones and `NODE_EXTRA_CA_CERTS`. */
  ca?: string | Buffer | Array<string | Buffer>;
  /** `silent` keeps errors only; `debug` adds a line for each request. Default: `info`. */
  logLevel?: 'silent' | 'info' | 'debug';
  /** Gets the log instead of the console. What it throws becomes one process warning. */
  logger?: (record: LogRecord) => void;
}

/** What clients of the proxy log in with. */
export interface LocalLogin {
  /** Without a colon. */
  username: string;
  password: string;
}

/** One line of the log. It never holds a credential, and hosts instead of URLs. */
export interface LogRecord {
  level: 'error' | 'warn' | 'info' | 'debug';
  /** What has happened, such as `configuration loaded`. */
  message: string;
  /** Its circumstances by name, such as `{ rules: '3' }`. */
  fields: Record<string, string>;
  time: Date;
}

/** What becomes of a request to a host, and why. */
export interface Explanation {
  /** The host in its canonical spelling: lower case, A-labels, canonical addresses. */
  host: string;
  route: 'direct' | 'gateway';
  /** The rule that decides, as it was written; `null` where none does. */
  rule: string | null;
  /** Why, as a sentence. */
  reason: string;
  /** Where the rules are from: the API, or `stateFile` because the API was down at the start. */
  source: 'api' | 'state-file';
}

/**
 * Starts and stops the proxy, and changes the configuration of the account.
 *
 * A client has one session at a time. Its methods may be called at any time and in any order.
 */
export class AluviaClient {
  /**
   * Checks the options. Nothing is sent yet.
   *
   * @throws {MissingUserTokenError} where `token` is missing or blank
   * @throws {InvalidOptionError} where an option has a value that it does not take; the message names both
   */
  constructor(options: AluviaClientOptions);

  /**
   * Fetches the configuration, listens, and starts to poll. Calls that come while a start is under way share it, and a call
   * while a session runs returns that session.
   *
   * @param options.signal gives up waiting; the start itself is cancelled when nobody waits for it any more
   * @throws {InvalidOptionError} where `signal` is no AbortSignal
   * @throws {InvalidUserTokenError} where the API answers 401 or 403
   * @throws {ApiError} where the API cannot be reached, refuses, or answers with something that is no configuration
   * @throws {ProxyStartError} where the port cannot be listened on
   * @throws an `AbortError` where the start was cancelled, by `signal` or by {@link stop}
   */
  start(options?: { signal?: AbortSignal }): Promise<AluviaClientSession>;

  /** Stops the session that runs, or cancels the start that is under way. Does nothing where there is neither. */
  stop(): Promise<void>;

  /**
   * Replaces the rules of the account. They are in force for every request that starts after the promise has resolved.
   * Works without a session too.
   *
   * @throws {InvalidOptionError} where the argument is no array of strings
   * @throws {InvalidUserTokenError} where the API answers 401 or 403; nothing has changed then
   * @throws {ApiError} where the API refuses or cannot be reached; what was in force stays so. Where the API has accepted the
   *   change but could not tell what is in force now, the next poll brings it
   */
  updateRules(rules: readonly string[]): Promise<void>;

  /** Replaces the session id of the account, which the gateway ties its exit address to. Otherwise as {@link updateRules}. */
  updateSessionId(sessionId: string): Promise<void>;
}

/**
 * A running proxy. It keeps the process alive, as a listening `net.Server` does, until {@link stop} or {@link unref}.
 *
 * Made by {@link AluviaClient.start} only.
 */
export class AluviaClientSession {
  private constructor();

  /** Always `127.0.0.1`. */
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:PORT`, for everything that takes the URL of a proxy. */
  readonly url: string;

  /** The same as {@link url}. */
  getUrl(): string;

  /** What clients log in with, where the option `localAuth` asks for it. A method, so that no inspection shows it. */
  getLocalAuth(): LocalLogin | undefined;

  /** {@link url} with user name and password in it, where `localAuth` asks for them: for curl, got, undici and the like. */
  getUrlWithLogin(): string;

  /** For `chromium.launch({ proxy: session.asPlaywright() })`: `{ server: url }`, and the login of `localAuth`. */
  asPlaywright(): { server: string; username?: string; password?: string };

  /**
   * For `puppeteer.launch({ args: session.asPuppeteer() })`: `['--proxy-server=' + url]`. Chromium takes no login there: with
   * `localAuth`, call `page.authenticate(session.getLocalAuth())` for each page.
   */
  asPuppeteer(): string[];

  /**
   * An agent for `node:http`, `node:https`, Axios, got and node-fetch, which serves http and https targets and keeps
   * connections alive. There is one for each session; `stop()` destroys it.
   */
  asNodeAgent(): Agent;

  /**
   * What would become of a request, by the rules in force.
   *
   * @param urlOrHost `https://shop.example.com/x`, `shop.example.com:443` or `shop.example.com`
   * @throws {InvalidOptionError} where there is no host in it
   */
  explain(urlOrHost: string | URL): Explanation;

  /**
   * Takes no new connection, lets running exchanges finish for as long as `drainTimeoutMs` says, and cuts what is left.
   * Resolves when no socket is left. Calling it again waits for the same end; a later session of the client is not touched.
   */
  stop(): Promise<void>;

  /** The same as {@link stop}. */
  close(): Promise<void>;

  /** Keeps the process alive again, after {@link unref}. */
  ref(): this;

  /** Lets the process end although the session is open. */
  unref(): this;

  /** The same as {@link stop}: `await using session = await client.start()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What all errors of this package extend. */
export class AluviaError extends Error {
  /** Stable; the message is not. */
  readonly code: string;
}

/** `token` is missing or blank. */
export class MissingUserTokenError extends AluviaError {
  readonly code: 'ALUVIA_MISSING_USER_TOKEN';
}

/** An option or an argument has a value that it does not take. The message names both. */
export class InvalidOptionError extends AluviaError {
  readonly code: 'ALUVIA_INVALID_OPTION';
}

/** The API does not accept the token. */
export class InvalidUserTokenError extends AluviaError {
  readonly code: 'ALUVIA_INVALID_USER_TOKEN';
  /** 401 or 403. */
  readonly statusCode: number;
}

/** The API cannot be reached, refuses, does not answer in time, or answers with something that is no configuration. */
export class ApiError extends AluviaError {
  readonly code: 'ALUVIA_API';
  /** The status of the answer, where there was one. */
  readonly statusCode?: number;
}

/** The port cannot be listened on. `cause` has the system's code, such as `EADDRINUSE`. */
export class ProxyStartError extends AluviaError {
  readonly code: 'ALUVIA_PROXY_START';
}

/**
 * Whether a pattern names a host name, by the code that routes. A `-pattern` is a rule and no pattern: it names nothing.
 * What is no host name or no pattern does not match.
 */
export function matchPattern(hostname: string, pattern: string): boolean;

/** Whether a host name goes through the gateway by these rules, by the code that routes. */
export function shouldProxy(hostname: string, rules: readonly string[]): boolean;
