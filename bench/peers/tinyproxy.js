// @ts-check
'use strict';

/** tinyproxy: a thread for each connection, and no keep-alive. */

const { endOf, freePort, startServer, stop } = require('../lib/children.js');
const { DESCRIPTORS, versionOf } = require('../lib/programs.js');

/** @type {import('../lib/peers.js').Peer} */
const tinyproxy = {
  id: 'tinyproxy',
  name: 'tinyproxy',
  version: () => versionOf('tinyproxy', ['-v'], /tinyproxy (\S+)/),
  package: 'apt install tinyproxy-bin',
  async start(stage, { gatewayPort }) {
    const port = await freePort();
    const configuration = `
Port ${port}
Listen 127.0.0.1
Timeout 600
MaxClients ${Math.floor(DESCRIPTORS / 2) - 100}
LogFile "/dev/null"
LogLevel Critical
DisableViaHeader Yes
Upstream http ${stage.username}:${stage.password}@127.0.0.1:${gatewayPort} ".test"
`;
    const file = stage.write(`tinyproxy-${port}.conf`, configuration);
    const child = await startServer('tinyproxy', ['-d', '-c', file], port);
    return {
      pid: Number(child.pid),
      ports: { direct: port, gateway: port },
      ended: () => endOf(child),
      stop: () => stop(child),
    };
  },
};

module.exports = { tinyproxy };
