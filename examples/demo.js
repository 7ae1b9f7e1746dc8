// @ts-check
'use strict';

/**
 * The main job, against the sandbox: a session, requests that go direct or through the gateway, and a rule that changes while
 * it runs. With `--serve` everything stays up for requests of your own.
 */

const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const https = require('node:https');

const { AluviaClient } = require('@aluvia/aluvia-node');
const { startSandbox } = require('@aluvia/aluvia-node/testing');

async function main() {
  const sandbox = await startSandbox({ rules: ['shop.localhost'] });
  const log = new EventEmitter();
  const client = new AluviaClient({
    ...sandbox.clientOptions,
    logger: ({ level, message }) => {
      console.log(`  [aluvia][${level}] ${message}`);
      log.emit(message.split(' (')[0]);
    },
  });

  title('A session');
  const session = await client.start();
  console.log(`  session.url is ${session.url}\n`);

  /** @param {string} url */
  const visit = async (url) => {
    const { via } = JSON.parse(await get(url, session.asNodeAgent(), sandbox.ca));
    const { route, rule } = session.explain(url);
    const because = rule ? `rule ${JSON.stringify(rule)}` : 'no rule names it';
    const surprise = via === route ? '' : `  (explain() said ${route})`;
    console.log(`  ${via.padEnd(8)} ${url.padEnd(36)} ${because}${surprise}`);
  };
  const shop = sandbox.sites['shop.localhost'];
  const news = sandbox.sites['news.localhost'];

  title(`Rules: ${JSON.stringify(sandbox.api.config.rules)}`);
  for (const url of [shop.http, shop.https, news.http, news.https]) await visit(url);

  title('The rules are changed in the dashboard, and the running session follows');
  const changed = once(log, 'configuration changed');
  sandbox.setRules(['*.localhost', '-shop.localhost']);
  await changed;

  title(`Rules: ${JSON.stringify(sandbox.api.config.rules)}`);
  for (const url of [shop.http, shop.https, news.http, news.https]) await visit(url);

  if (process.argv.includes('--serve')) {
    await serve(session.url, shop, news);
  }
  await client.stop();
  await sandbox.stop();
}

/**
 * Waits for Ctrl+C.
 *
 * @param {string} url
 * @param {import('@aluvia/aluvia-node/testing').Site} shop
 * @param {import('@aluvia/aluvia-node/testing').Site} news
 */
async function serve(url, shop, news) {
  title('Your turn (Ctrl+C ends it)');
  console.log(`  curl --proxy ${url} ${news.http}/    by the gateway`);
  console.log(`  curl --proxy ${url} ${shop.http}/    direct`);
  console.log(`  curl --proxy ${url} --insecure ${news.https}/`);
  await new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  console.log();
}

/**
 * @param {string} url
 * @param {http.Agent} agent
 * @param {string} ca
 * @returns {Promise<string>}
 */
function get(url, agent, ca) {
  const { get } = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    // A connection that is kept keeps its route; each of these visits shall ask the rules anew.
    const headers = { connection: 'close' };
    get(url, { agent, ca, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () =>
        response.statusCode === 200
          ? resolve(body)
          : reject(new Error(`${url}: ${response.statusCode} ${response.statusMessage}`)),
      );
    }).on('error', reject);
  });
}

/** @param {string} text */
function title(text) {
  console.log(`\n${text}`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
