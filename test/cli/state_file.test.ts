// --state-file: cumulative figures that outlive the process.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import type { FingerprintRecord, ReportRecord } from '../../src/report/model.ts';
import { Command } from '../support/command.ts';
import { connectAs, rowsOf } from '../support/console.ts';
import { embeddedServer } from '../support/servers.ts';

const server = await embeddedServer();
const timeout = 60_000;

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'pgn-'));
  after(() => rmSync(made, { recursive: true }));
  return made;
}

function start(file: string, ...more: string[]): Command {
  const options = ['--listen', ':0', '--report', 'json', '--state-file', file, ...more];
  const command = new Command(['proxy', ...options], {
    PGNETFLOW_UPSTREAM: `127.0.0.1:${server.port}`,
  });
  after(() => command.kill('SIGKILL'));
  return command;
}

async function load(port: number, times: number): Promise<void> {
  const client = await connectAs({ host: '127.0.0.1', port });
  for (let n = 1; n <= times; n += 1) await client.query(`select repeat('x', ${n * 100}) as kept`);
  await client.end();
}

async function stop(command: Command, signal: NodeJS.Signals = 'SIGTERM'): Promise<ReportRecord> {
  command.kill(signal);
  const { status, stdout, stderr } = await command.finished();
  assert.equal(status, 0, stderr);
  const report: ReportRecord = JSON.parse(stdout);
  return report;
}

function keptOf(report: ReportRecord): FingerprintRecord {
  const found = report.statements.filter(({ query }) => query?.includes('kept') === true);
  assert.equal(found.length, 1);
  return found[0]!;
}

describe('--state-file', () => {
  it('goes on with all figures after a restart, histograms included', { timeout }, async () => {
    const file = path.join(folder(), 'netflow.state');
    const first = start(file);
    await load(await first.listening(), 23);
    const before = await stop(first);
    const idle = start(file);
    const port = await idle.listening();
    assert.match(idle.stderr, /netflow\.state were saved \d+ s ago, and go on; they are those since 20/);
    const monitor = await connectAs({ host: '127.0.0.1', port }, { database: 'pgnetflow' });
    const [row] = await rowsOf(
      monitor,
      `select calls, bytes_sent, stats_since from netflow_statements where query like '%kept%'`,
    );
    assert.deepEqual([row?.['calls'], row?.['bytes_sent']], ['23', String(keptOf(before).S.bytes)]);
    assert.ok(row?.['stats_since'] instanceof Date);
    assert.equal(row['stats_since'].toISOString(), before.started_at);
    await monitor.end();
    const restarted = await stop(idle);
    assert.deepEqual(restarted.totals, before.totals);
    assert.deepEqual(restarted.databases, before.databases);
    const { first_at: _first, last_at: _last, ...same } = keptOf(before);
    const { first_at: firstAt, last_at: lastAt, ...read } = keptOf(restarted);
    assert.deepEqual(read, same);
    assert.ok(Math.abs(Date.parse(firstAt!) - Date.parse(keptOf(before).first_at!)) <= 2);
    assert.ok(Math.abs(Date.parse(lastAt!) - Date.parse(keptOf(before).last_at!)) <= 2);
    const third = start(file);
    await load(await third.listening(), 7);
    const report = await stop(third);
    assert.equal(keptOf(report).calls, 30);
    assert.equal(report.stats_since, before.started_at);
    assert.equal(report.dropped.sessions + report.sessions.length, 2);
  });

  it('goes on with all figures whether one thread relays or two', { timeout }, async () => {
    const file = path.join(folder(), 'netflow.state');
    let bytes = 0;
    for (const [at, workers] of ['2', '1', '2'].entries()) {
      const command = start(file, '--workers', workers);
      const port = await command.listening();
      await Promise.all([load(port, 3), load(port, 3), load(port, 3)]);
      const report = await stop(command);
      const kept = keptOf(report);
      assert.equal(kept.calls, 9 * (at + 1));
      assert.ok(report.totals.S.bytes > bytes);
      bytes = report.totals.S.bytes;
      assert.equal(
        report.databases.reduce((sum, { S }) => sum + S.bytes, 0),
        bytes,
      );
    }
  });

  it('has the figures of the last save after SIGKILL', { timeout }, async () => {
    const file = path.join(folder(), 'netflow.state');
    const first = start(file);
    await load(await first.listening(), 11);
    const saved = await stop(first);
    const killed = start(file);
    await load(await killed.listening(), 5);
    killed.kill('SIGKILL');
    await killed.ended();
    const next = start(file);
    await next.listening();
    assert.match(next.stderr, /were saved \d+ s ago/);
    assert.deepEqual((await stop(next)).totals, saved.totals);
  });

  it('is had by one process at a time', { timeout }, async () => {
    const file = path.join(folder(), 'netflow.state');
    const first = start(file);
    await first.listening();
    const { status, stderr } = await start(file).finished();
    assert.equal(status, 1);
    assert.match(
      stderr,
      /--state-file .*netflow\.state: another pgnetflow has it; each needs a file of its own/,
    );
    await stop(first);
    const second = start(file);
    await second.listening();
    await stop(second);
  });

  for (const [name, spoil, aside] of [
    ['cut off', (text: string) => text.slice(0, -100), 'damaged'],
    ['something else', () => 'hello', 'damaged'],
    ['empty', () => '', 'damaged'],
    [
      'of a newer version',
      (text: string) => text.replace('pgnetflow.state/1', 'pgnetflow.state/9'),
      'version',
    ],
  ] as const) {
    it(`is set aside, and begins anew, when it is ${name}`, { timeout }, async () => {
      const directory = folder();
      const file = path.join(directory, 'netflow.state');
      const first = start(file);
      await load(await first.listening(), 3);
      await stop(first);
      const spoiled = spoil(readFileSync(file, 'utf8'));
      writeFileSync(file, spoiled);
      const second = start(file);
      await second.listening();
      assert.match(
        second.stderr,
        new RegExp(
          `is not read: .*; it is kept as .*netflow\\.state\\.${aside}-\\w+, and all figures begin at 0`,
        ),
      );
      const report = await stop(second);
      assert.deepEqual([report.totals.S.bytes, report.statements.length], [0, 0]);
      const kept = readdirSync(directory).find((one) => one.includes(aside));
      assert.equal(readFileSync(path.join(directory, kept!), 'utf8'), spoiled);
    });
  }

  it('is refused at the start when it cannot be written', { timeout }, async () => {
    const { status, stderr } = await start(path.join(folder(), 'missing', 'netflow.state')).finished();
    assert.equal(status, 1);
    assert.match(stderr, /--state-file .*missing/);
  });
});
