import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Command, runCommand } from '../support/command.ts';
import { connectAs, enterConsole, rowsOf } from '../support/console.ts';
import { ask } from '../support/http.ts';
import { temporaryDirectory } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { embeddedServer } from '../support/servers.ts';

const server = await embeddedServer();
const TOKEN = 'a-token-of-the-tests';
const upstream = `127.0.0.1:${server.port}`;

describe('pgnetflow proxy --http', () => {
  it('answers with metrics and health while it runs, tells its token to nobody, and ends as ever', async () => {
    const report = path.join(temporaryDirectory(), 'report.json');
    const command = new Command(
      [
        'proxy',
        '--listen',
        ':0',
        '--upstream',
        upstream,
        '--http',
        ':0',
        '--report',
        'json',
        '--report-file',
        report,
      ],
      { PGNETFLOW_HTTP_TOKEN: TOKEN },
    );
    const port = await command.listening();
    const [, url] = await command.until('stderr', /^pgnetflow answers at (http:\S+)\n/m);
    const target = { host: '127.0.0.1', port };
    const client = await connectAs(target);
    await client.query('select 23');
    const console = await enterConsole(target);
    const config = await rowsOf(console, 'show config');
    assert.equal(config.find(({ key }) => key === 'http-token')?.['value'], '(not shown)');
    await console.end();
    const authorization = `Bearer ${TOKEN}`;
    const { status, body } = await ask(`${url}metrics`, { authorization });
    assert.equal(status, 200);
    assert.match(body, /^pgnetflow_open_sessions\{state="idle"\} 1$/m);
    assert.equal((await ask(`${url}readyz`, { authorization })).status, 200);
    assert.equal((await ask(`${url}metrics`)).status, 401);
    await client.end();
    command.kill('SIGTERM');
    const { status: exit, stderr } = await command.finished();
    assert.equal(exit, 0, stderr);
    const text = readFileSync(report, 'utf8');
    assert.equal(
      JSON.parse(text).sessions.every(({ balanced }: { balanced: boolean }) => balanced),
      true,
    );
    assert.doesNotMatch(`${text}${stderr}`, new RegExp(TOKEN));
  });

  it('has the same metrics whichever relay thread a session was in', async () => {
    const command = new Command([
      'proxy',
      '--listen',
      ':0',
      '--upstream',
      upstream,
      '--http',
      ':0',
      '--report',
      'none',
      '--workers',
      '2',
    ]);
    const port = await command.listening();
    const [, url] = await command.until('stderr', /^pgnetflow answers at (http:\S+)\n/m);
    for (let n = 0; n < 4; n += 1) {
      const client = await connectAs({ host: '127.0.0.1', port });
      await client.query('select 23');
      await client.end();
    }
    let body = '';
    // Figures are as old as a second at most.
    await until(async () => {
      ({ body } = await ask(`${url}metrics`));
      return (
        /^pgnetflow_open_sessions\{state="idle"\} 0$/m.test(body) &&
        /^pgnetflow_statement_calls_total\{[^}]*summary="SELECT"\} 4$/m.test(body)
      );
    }, 'the figures of both threads');
    assert.match(
      body,
      /^pgnetflow_statement_duration_seconds_bucket\{[^}]*summary="SELECT",le="60\.0"\} 4$/m,
    );
    assert.match(body, /^pgnetflow_lost_threads_total 0$/m);
    command.kill('SIGTERM');
    assert.equal((await command.finished()).status, 0);
  });

  it('does not start where others could look without a token', async () => {
    const { status, stderr } = await runCommand(['proxy', '--upstream', upstream, '--http', '0.0.0.0:0']);
    assert.equal(status, 2);
    assert.match(stderr, /--http 0\.0\.0\.0:0 can be reached from other hosts; add --http-token/);
  });

  it('does not start, and leaves no listener behind, when its address is taken', async () => {
    const command = new Command(['proxy', '--listen', ':0', '--upstream', upstream, '--http', upstream]);
    const { status, stderr } = await command.finished();
    assert.equal(status, 1);
    assert.match(stderr, /--http http:\/\/127\.0\.0\.1:\d+\/: .*EADDRINUSE/);
  });
});
