import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import type { PageFigures } from '../../src/http/page_model.ts';
import { formatBytes } from '../../src/report/units.ts';
import { barriers, chromiumMissing, openPage, startBrowser } from '../support/browser.ts';
import { connectAs } from '../support/console.ts';
import { ask, httpBefore } from '../support/http.ts';
import { proxyBefore, type RunningProxy } from '../support/running_proxy.ts';
import { embeddedServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const postgres = await embeddedServer();
const timeout = 120_000;
const browser: Browser | null = chromiumMissing === false ? await startBrowser() : null;
const inBrowser = { skip: chromiumMissing, timeout };

const NASTY = '<script>alert(1)</script><img src=x onerror=alert(2)>\u001b[2J\u202e"\'';

async function proxyWithPage() {
  const running = await proxyBefore(postgres);
  const server = await httpBefore(running.proxy.collector);
  return { running, server };
}

/** A session that calls itself so, idle behind a statement. */
async function idleSession(running: RunningProxy, application: string) {
  const client = await connectAs(running);
  await client.query("select set_config('application_name', $1, false)", [application]);
  return client;
}

async function open(url: string, options: Parameters<typeof openPage>[2] = {}) {
  assert.ok(browser !== null);
  const opened = await openPage(browser, url, options);
  await opened.page.getByText(/^live/).waitFor();
  return opened;
}

const viewButton = (page: Page, name: string) => page.getByRole('navigation').getByRole('button', { name });

const rowOf = (page: Page, text: string) => page.getByRole('row').filter({ hasText: text });

describe('what the page reads', { timeout }, () => {
  it('are the figures of the report, and texts without their constants', async () => {
    const { running, server } = await proxyWithPage();
    const client = await idleSession(running, 'shop');
    await client.query("select 'my secret', pg_sleep(0)");
    const sleeping = client.query("select pg_sleep(0.5), 'another secret'");
    await until(
      () =>
        running.proxy
          .report()
          .sessions.some(({ statements }) => statements.some(({ outcome }) => outcome === 'open')),
      'the statement that sleeps',
    );
    const { body, headers } = await ask(`${server.url}api/figures`);
    await sleeping;
    assert.equal(headers['content-type'], 'application/json; charset=utf-8');
    assert.doesNotMatch(body, /secret/);
    const figures: PageFigures = JSON.parse(body);
    assert.equal(figures.sessions[0]!.current?.query, 'select pg_sleep(?), ?');
    assert.equal(figures.sessions[0]!.application_name, 'shop');
    assert.equal(figures.active_sessions, 1);
    await client.end();
    await running.settled();
    const report = running.proxy.report();
    await until(async () => {
      const later: PageFigures = JSON.parse((await ask(`${server.url}api/figures`)).body);
      return later.open_sessions === 0 && isDeepStrictEqual(later.databases, report.databases);
    }, 'the figures of the report');
  });

  it('comes as events, for as long as somebody takes them', async () => {
    const { running, server } = await proxyWithPage();
    const client = await idleSession(running, 'shop');
    const port = Number(new URL(server.url).port);
    const get = 'GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n';
    const reader = net.connect(port, '127.0.0.1', () => reader.write(get));
    let read = '';
    reader.setEncoding('utf8').on('data', (text: string) => (read += text));
    await until(() => (read.match(/^data: \{/gm)?.length ?? 0) >= 2, 'two events');
    assert.equal(server.streams, 1);
    reader.destroy();
    await until(() => server.streams === 0, 'the end of the stream');
    await client.end();
  });

  it('is open to so many pages at a time', async () => {
    const { server } = await proxyWithPage();
    const port = Number(new URL(server.url).port);
    const get = 'GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n';
    const sockets = Array.from({ length: 33 }, () => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write(get));
      return socket.setEncoding('utf8');
    });
    const answers = await Promise.all(sockets.map(async (socket) => String((await once(socket, 'data'))[0])));
    assert.equal(answers.filter((text) => text.startsWith('HTTP/1.1 503')).length, 1);
    for (const socket of sockets) socket.destroy();
    await until(() => server.streams === 0, 'the end of all streams');
  });

  it('has a policy that lets in nothing from elsewhere', async () => {
    const { server } = await proxyWithPage();
    const { headers, body } = await ask(server.url);
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.doesNotMatch(body, /https?:\/\/|style=|<script>/);
    const tag = String(headers.etag);
    assert.equal((await ask(server.url, { host: 'localhost', 'if-none-match': tag })).status, 304);
  });
});

describe('the page', inBrowser, () => {
  it('shows sessions, statements and databases, live', inBrowser, async () => {
    const { running, server } = await proxyWithPage();
    const { page, problems } = await open(server.url);
    await page.getByText('No session yet').waitFor();
    const client = await idleSession(running, 'shop');
    await client.query("select repeat('x', 1000003)");
    await rowOf(page, 'shop').getByText('idle').waitFor();
    const { S } = running.proxy.report().sessions[0]!;
    assert.equal(await rowOf(page, 'shop').getByText(formatBytes(S.bytes)).count(), 1);
    await viewButton(page, 'statements').click();
    await page.getByRole('link', { name: 'select repeat(?, ?)' }).click();
    await page.getByRole('region', { name: 'Details' }).getByText('fingerprint').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('region', { name: 'Details' }).waitFor({ state: 'hidden' });
    await page.keyboard.press('3');
    await rowOf(page, 'postgres').first().waitFor();
    await client.end();
    await page.keyboard.press('1');
    await rowOf(page, 'shop').getByText('ended: terminate').waitFor();
    assert.deepEqual(problems, []);
  });

  it('filters by words that stand in its address', inBrowser, async () => {
    const { running, server } = await proxyWithPage();
    const clients = [await idleSession(running, 'shop'), await idleSession(running, 'reports')];
    const { page, problems } = await open(`${server.url}?filter=app:shop`);
    await rowOf(page, 'shop').waitFor();
    assert.equal(await rowOf(page, 'reports').count(), 0);
    await page.keyboard.press('/');
    await page.getByRole('searchbox').fill('-app:shop bytes>1');
    await rowOf(page, 'reports').waitFor();
    assert.equal(await rowOf(page, 'shop').count(), 0);
    assert.equal(new URL(page.url()).searchParams.get('filter'), '-app:shop bytes>1');
    await page.getByRole('searchbox').fill('/(/');
    await page.getByText('is no regular expression').waitFor();
    await page.getByRole('button', { name: 'application' }).focus();
    await page.getByText('application: application_name, as the client').waitFor();
    await page.keyboard.press('Enter');
    assert.match(page.url(), /sort=-application/);
    assert.deepEqual(problems, []);
    for (const client of clients) await client.end();
  });

  it('stands still while it is paused', inBrowser, async () => {
    const { running, server } = await proxyWithPage();
    const { page } = await open(server.url);
    await page.getByText('No session yet').waitFor();
    await page.keyboard.press('p');
    const client = await idleSession(running, 'shop');
    // The next event has come, and changed nothing.
    await page.getByText(/^paused/).waitFor();
    assert.equal(await rowOf(page, 'shop').count(), 0);
    await page.getByRole('button', { name: 'Pause' }).click();
    await rowOf(page, 'shop').waitFor();
    await client.end();
  });

  it('shows any name and text as what it is, and runs none of it', inBrowser, async () => {
    const { running, server } = await proxyWithPage();
    const owner = await connectAs(running);
    const quoted = `"${NASTY.replaceAll('"', '""')}"`;
    await owner.query(`create role ${quoted} login superuser`);
    await owner.query(`create database ${quoted}`);
    const client = await connectAs(running, { user: NASTY, database: NASTY });
    await client.query(`select 1 as ${quoted}`);
    await client.query("select set_config('application_name', $1, false)", [NASTY]);
    const { page, problems } = await open(`${server.url}?filter=${encodeURIComponent(NASTY)}`);
    await page.getByRole('searchbox').fill('user:script');
    await rowOf(page, '<script>alert(1)</script>').first().waitFor();
    await page.getByRole('row').nth(1).getByRole('link').click();
    await page.getByRole('region', { name: 'Details' }).getByText('<script>').first().waitFor();
    await viewButton(page, 'statements').click();
    await page.getByRole('searchbox').fill('alert');
    await page
      .getByRole('link', { name: /script/ })
      .first()
      .click();
    await viewButton(page, 'databases').click();
    await page.getByRole('searchbox').fill('');
    await rowOf(page, '<script>').first().waitFor();
    const text = await page.locator('body').innerText();
    assert.ok(!text.includes('\u001b') && !text.includes('\u202e'));
    assert.equal(await page.locator('main img, main script').count(), 0);
    assert.deepEqual(problems, []);
    await client.end();
    await owner.end();
  });

  it('lays no barrier in anybody’s way, light or dark, on a phone or a wall', inBrowser, async () => {
    const { running, server } = await proxyWithPage();
    const client = await idleSession(running, 'shop');
    const sizes = [
      { width: 360, height: 740 },
      { width: 3840, height: 2160 },
    ];
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const viewport of sizes) {
        const { page } = await open(server.url, { viewport, colorScheme });
        for (const name of ['sessions', 'statements', 'databases', 'cancels', 'books']) {
          await viewButton(page, name).click();
          assert.deepEqual(await barriers(page), [], `${name}, ${colorScheme}, ${viewport.width}`);
        }
        const wide = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
        assert.equal(wide, 0, `nothing but tables scrolls sideways at ${viewport.width}`);
        await page.context().close();
      }
    }
    await client.end();
  });
});
