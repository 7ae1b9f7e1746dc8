// @ts-check
'use strict';

/**
 * nginx in front of one origin that its configuration names. It takes absolute-form requests, but has no CONNECT, and cannot send
 * absolute-form to a gateway.
 */

const { endOf, freePort, startServer, stop } = require('../lib/children.js');
const { DESCRIPTORS, versionOf } = require('../lib/programs.js');

/** @type {import('../lib/peers.js').Peer} */
const nginx = {
  id: 'nginx',
  name: 'nginx',
  version: () => versionOf('nginx', ['-v'], /nginx\/(\S+)/),
  package: 'apt install nginx-core',
  async start(stage) {
    const port = await freePort();
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${stage.directory}/nginx-${name};`,
    );
    // Two workers: as many as this package has.
    const configuration = `
daemon off;
worker_processes 2;
worker_rlimit_nofile ${DESCRIPTORS};
pid ${stage.directory}/nginx-${port}.pid;
error_log /dev/null;
events { worker_connections ${Math.floor(DESCRIPTORS / 2) - 100}; }
http {
  ${paths.join(' ')}
  access_log off;
  keepalive_requests 1000000000;
  upstream origin {
    server 127.0.0.1:${stage.ports.http};
    keepalive 1100;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
}
`;
    const file = stage.write(`nginx-${port}.conf`, configuration);
    const child = await startServer('nginx', ['-e', '/dev/null', '-c', file], port);
    return {
      pid: Number(child.pid),
      ports: { direct: port, gateway: 0 },
      ended: () => endOf(child),
      stop: () => stop(child),
    };
  },
};

module.exports = { nginx };
