/**
 * Compiled by `tsc -p .`, never run: it does not compile any more when index.d.ts and the shim drift apart.
 *
 * index.d.ts is written by hand, so nothing else holds it against the classes in lib/.
 */
import type * as declared from '../index.js';
import type * as client from '../lib/client.js';
import type * as errors from '../lib/errors.js';
import type * as log from '../lib/log.js';
import type * as rules from '../lib/rules.js';
import type * as session from '../lib/session.js';

/** Compiles where the first can be used as the second. */
type Assignable<From extends To, To> = From;
/** Compiles where both are the same list of names. */
type Same<A extends B, B extends C, C = A> = [A, B, C];

// The classes, with their constructors and methods.
export type Client = Assignable<typeof client.AluviaClient, typeof declared.AluviaClient>;
export type ClientMembers = Same<keyof client.AluviaClient, keyof declared.AluviaClient>;

// A session is not made by users, which is why its declared constructor is private: only what it has is compared.
export type Session = Assignable<session.AluviaClientSession, declared.AluviaClientSession>;
export type SessionMembers = Same<
  keyof session.AluviaClientSession,
  keyof declared.AluviaClientSession
>;

// What methods return is what is declared, and not just some of it.
type Started = Awaited<ReturnType<client.AluviaClient['start']>>;
export type StartedMembers = Same<keyof Started, keyof declared.AluviaClientSession>;
type Explained = ReturnType<session.AluviaClientSession['explain']>;
export type ExplainedMembers = Same<keyof Explained, keyof declared.Explanation>;

// The errors: what is declared narrows `code`, which the shim has as a string.
type Loose<Error> = Omit<Error, 'code'> & { readonly code: string };
type Made<Name extends keyof typeof errors> = (typeof errors)[Name] extends new (
  ...args: never[]
) => infer Made
  ? Made
  : never;
export type Base = Assignable<Made<'AluviaError'>, declared.AluviaError>;
export type MissingToken = Assignable<
  Made<'MissingUserTokenError'>,
  Loose<declared.MissingUserTokenError>
>;
export type InvalidOption = Assignable<
  Made<'InvalidOptionError'>,
  Loose<declared.InvalidOptionError>
>;
export type Api = Assignable<Made<'ApiError'>, Loose<declared.ApiError>>;
export type ApiMembers = Same<keyof Made<'ApiError'>, keyof declared.ApiError>;
export type ProxyStart = Assignable<Made<'ProxyStartError'>, Loose<declared.ProxyStartError>>;
export type TokenMembers = Same<
  keyof Made<'InvalidUserTokenError'>,
  keyof declared.InvalidUserTokenError
>;

// The functions.
export type MatchPattern = Assignable<typeof rules.matchPattern, typeof declared.matchPattern>;
export type ShouldProxy = Assignable<typeof rules.shouldProxy, typeof declared.shouldProxy>;
export type Parameters = [
  Same<keyof declared.LogRecord, keyof globalThis.Parameters<typeof log.writeToConsole>[0]>,
];

// What users write compiles …
declare const aClient: declared.AluviaClient;
export async function use(options: declared.AluviaClientOptions): Promise<string | undefined> {
  await using running = await aClient.start({ signal: AbortSignal.timeout(1) });
  await aClient.updateRules(['*'] as const);
  running.unref().ref();
  const { route, rule }: { route: 'direct' | 'gateway'; rule: string | null } = running.explain(
    new URL('http://a'),
  );
  options.logger?.({
    level: 'info',
    message: route,
    fields: { rule: String(rule) },
    time: new Date(),
  });
  return undefined;
}

// … and what they must not write does not.
// @ts-expect-error a token is required
export const withoutToken: declared.AluviaClientOptions = {};
// @ts-expect-error no such level
export const tooLoud: declared.AluviaClientOptions = { token: 'x', logLevel: 'loud' };
// @ts-expect-error a session comes from start() only
export const byHand = (): unknown => new declared.AluviaClientSession();
