// @ts-check
'use strict';

/** This package in a process of its own, as a script would use it. */

const { host } = require('./host.js');

host({
  load: () => require('../../index.js'),
  async start({ AluviaClient }, { apiBaseUrl, gatewayPort }) {
    const client = new AluviaClient({
      token: 'bench',
      apiBaseUrl,
      gatewayHost: '127.0.0.1',
      gatewayPort,
      logger: () => {},
    });
    return (await client.start()).port;
  },
});
