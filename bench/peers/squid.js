// @ts-check
'use strict';

/** squid without a cache, as a plain forward proxy with a parent for some names. */

const { endOf, freePort, startServer, stop } = require('../lib/children.js');
const { DESCRIPTORS, versionOf } = require('../lib/programs.js');

/** @type {import('../lib/peers.js').Peer} */
const squid = {
  id: 'squid',
  name: 'squid',
  version: () => versionOf('squid', ['-v'], /Version (\S+)/),
  package: 'apt install squid',
  async start(stage, { gatewayPort }) {
    const port = await freePort();
    const configuration = `
http_port 127.0.0.1:${port}
acl by_gateway dstdomain .test
cache_peer 127.0.0.1 parent ${gatewayPort} 0 no-query no-digest no-netdb-exchange login=${stage.username}:${stage.password}
cache_peer_access 127.0.0.1 allow by_gateway
cache_peer_access 127.0.0.1 deny all
never_direct allow by_gateway
always_direct deny by_gateway
always_direct allow all
http_access allow all
cache deny all
via off
forwarded_for delete
access_log none
cache_log /dev/null
cache_store_log none
pid_filename none
pinger_enable off
max_filedescriptors ${DESCRIPTORS}
shutdown_lifetime 0 seconds
coredump_dir ${stage.directory}
`;
    const file = stage.write(`squid-${port}.conf`, configuration);
    const child = await startServer('squid', ['-N', '-f', file], port);
    return {
      pid: Number(child.pid),
      ports: { direct: port, gateway: port },
      ended: () => endOf(child),
      stop: () => stop(child),
    };
  },
};

module.exports = { squid };
