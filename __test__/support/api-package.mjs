import { createRequire } from 'node:module';

/** The package as Node.js itself loads it for users: vitest would transform what is imported. */
const require = createRequire(import.meta.url);

export const {
  AluviaClient,
  AluviaClientSession,
  AluviaError,
  ApiError,
  InvalidOptionError,
  InvalidUserTokenError,
  MissingUserTokenError,
  ProxyStartError,
  matchPattern,
  shouldProxy,
} = require('@aluvia/aluvia-node');

export const { startSandbox } = require('@aluvia/aluvia-node/testing');
