import { describe, expect } from 'vitest';
import { converse, expectedBytes, proxy, SHOP, test } from '../support/sandbox-test.mjs';

describe('a site', () => {
  test('describes what it got, and logs it', async ({ shop, direct }) => {
    const plain = await direct(`${shop.http}/a?b=c`, { headers: { 'X-Mine': '1' } });
    const secure = await direct(`${shop.https}/`, { method: 'POST', body: 'hello' });

    expect(plain.json()).toEqual({
      site: SHOP,
      path: '/a?b=c',
      method: 'GET',
      via: 'direct',
      secure: false,
      headers: expect.objectContaining({ 'x-mine': '1' }),
    });
    expect(secure.json()).toMatchObject({ method: 'POST', via: 'direct', secure: true });
    expect(plain.headers).not.toHaveProperty('x-aluvia-sandbox-route');
    expect(shop.requests).toMatchObject([plain.json(), secure.json()]);
    expect(shop.requests[0].rawHeaders).toContain('X-Mine');
  });

  test('is not deceived about the route', async ({ sandbox, shop, direct }) => {
    const forged = { 'X-Aluvia-Sandbox-Route': 'gateway' };
    const proxied = proxy(sandbox);

    const vias = [];
    for (let i = 0; i < 20; i += 1) {
      const ask = i % 2 === 0 ? direct : proxied;
      const url = i % 4 < 2 ? shop.http : shop.https;
      vias.push((await ask(`${url}/`, { headers: forged, reset: i % 3 === 0 })).json().via);
    }

    expect(vias).toEqual(Array.from({ length: 20 }, (_, i) => (i % 2 ? 'gateway' : 'direct')));
  });

  test('is told apart by Host, whatever the address', async ({ sandbox, direct }) => {
    const { port } = new URL(sandbox.sites[SHOP].http);

    const news = await direct(`http://127.0.0.1:${port}/`, { headers: { host: 'NEWS.localhost' } });
    const first = await direct(`http://127.0.0.1:${port}/`);
    const unknown = await direct(`http://127.0.0.1:${port}/`, { headers: { host: 'x.example' } });

    expect(news.json().site).toBe('news.localhost');
    expect(first.json().site).toBe(SHOP);
    expect(unknown.status).toBe(421);
    expect(sandbox.sites['news.localhost'].requests).toHaveLength(1);
  });

  test('shows a page to those who prefer one', async ({ shop, direct }) => {
    const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    const asked = async (accept) => {
      const { headers } = await direct(`${shop.http}/<b>`, { headers: { accept } });
      return headers['content-type'].split(';')[0];
    };

    const { text } = await direct(`${shop.http}/%3Cb%3E?<i>`, { headers: { accept: browser } });
    expect(text).toContain(`<h1>${SHOP}</h1>`);
    expect(text).toContain('data-via="direct"');
    expect(text).not.toContain('<i>');
    expect(await asked(browser)).toBe('text/html');
    expect(await asked('text/*')).toBe('text/html');
    expect(await asked('*/*')).toBe('application/json');
    expect(await asked('text/html;q=0.5, application/json')).toBe('application/json');
    expect(await asked('application/json')).toBe('application/json');
  });

  test('echoes with the type it was sent', async ({ shop, direct }) => {
    const headers = { 'content-type': 'text/x-mine' };

    const answer = await direct(`${shop.https}/echo?x`, { method: 'PUT', body: 'hello', headers });

    expect(answer).toMatchObject({ status: 200, text: 'hello', headers });
  });

  test('sends bytes that are known beforehand', async ({ shop, direct }) => {
    const some = await direct(`${shop.http}/bytes/100000`);
    const none = await direct(`${shop.http}/bytes/0`);
    const head = await direct(`${shop.http}/bytes/5`, { method: 'HEAD' });

    expect(some.bytes.equals(expectedBytes(100_000))).toBe(true);
    expect(some.headers['content-length']).toBe('100000');
    expect(none).toMatchObject({ text: '', headers: { 'content-length': '0' } });
    expect(head).toMatchObject({ text: '', headers: { 'content-length': '5' } });
  });

  test('sends chunks, each on its own', async ({ shop }) => {
    const { text } = await converse(
      new URL(shop.http).port,
      `GET /chunked/3 HTTP/1.1\r\nHost: ${SHOP}\r\nConnection: close\r\n\r\n`,
    );

    expect(text).toMatch(/8\r\nchunk 1\n\r\n8\r\nchunk 2\n\r\n8\r\nchunk 3\n\r\n0\r\n\r\n$/);
  });

  test('sends events, statuses, and late answers', async ({ shop, direct }) => {
    const events = await direct(`${shop.http}/sse`);
    const teapot = await direct(`${shop.http}/status/418`);
    const moved = await direct(`${shop.http}/status/302`);
    const started = performance.now();
    const late = await direct(`${shop.http}/slow/60`);

    expect(events.headers['content-type']).toBe('text/event-stream');
    expect(events.text.match(/data: .*/g)).toHaveLength(3);
    expect(teapot.status).toBe(418);
    expect(moved).toMatchObject({ status: 302, headers: { location: '/' } });
    expect(late.json().path).toBe('/slow/60');
    expect(performance.now() - started).toBeGreaterThan(55);
  });

  test.for([
    ['/status/99', 400],
    ['/status/999', 400],
    ['/status/abc', 200],
    ['/constructor/1', 200],
    ['/bytes/1e3', 200],
    ['/bytes', 200],
  ])('%s is a %i', async ([path, status], { shop, direct }) => {
    expect((await direct(`${shop.http}${path}`)).status).toBe(status);
  });
});
