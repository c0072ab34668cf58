import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { packageVersion } from '../../src/package_version.ts';
import { PROXY_FLAGS } from '../../src/settings/proxy_settings.ts';
import { Command, runCommand } from '../support/command.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
after(() => rmSync(folder, { recursive: true }));

/** Nobody listens there. */
const UPSTREAM = ['--upstream', '127.0.0.1:1'];

describe('a wrong command line', () => {
  const cases: [string[], RegExp][] = [
    [[], /no command; give proxy/],
    [['prxy'], /unknown command "prxy"; did you mean proxy\?/],
    [['proxy'], /--upstream is missing; give it as --upstream ADDRESS/],
    [['proxy', '--lisen', ':0', ...UPSTREAM], /unknown flag --lisen; did you mean --listen\?/],
    [['proxy', '-l', ...UPSTREAM], /unknown flag -l; pgnetflow proxy --help lists the flags/],
    [['proxy', '--upstream'], /--upstream: has no value/],
    [['proxy', '--upstream', '--live'], /--upstream: has no value/],
    [
      ['proxy', ...UPSTREAM, 'extra'],
      /unexpected "extra": proxy takes flags only; pgnetflow proxy --help lists the flags/,
    ],
    [['proxy', ...UPSTREAM, '--report', 'jsn'], /"jsn" is none of .*; did you mean json\?/],
    [['proxy', ...UPSTREAM, '--live=maybe'], /--live: "maybe" is neither true nor false/],
    [['proxy', ...UPSTREAM, '--statement-log', '-'], /add --report-file PATH or --report none/],
    [['proxy', ...UPSTREAM, '--max-query-bytes', '-1'], /--max-query-bytes: /],
  ];
  for (const [args, problem] of cases) {
    it(`is one line and status 2: pgnetflow ${args.join(' ')}`, async () => {
      const { status, stdout, stderr } = await runCommand(args);
      assert.equal(status, 2);
      assert.equal(stdout, '');
      assert.match(stderr, /^pgnetflow: [^\n]+\n$/);
      assert.match(stderr, problem);
    });
  }

  it('may be in the configuration file', async () => {
    const file = path.join(folder, 'typo.yaml');
    writeFileSync(file, 'upstraem: db1\n');
    const { status, stderr } = await runCommand(['proxy', '--config', file]);
    assert.equal(status, 2);
    assert.equal(stderr, `pgnetflow: ${file}: unknown setting "upstraem"; did you mean upstream?\n`);
  });
});

describe('what goes wrong at the start', () => {
  it('is one line and status 1 when the port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    assert.ok(typeof address === 'object' && address !== null);
    const { status, stdout, stderr } = await runCommand([
      'proxy',
      ...UPSTREAM,
      '--listen',
      `:${address.port}`,
    ]);
    taken.close();
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^pgnetflow: cannot listen on 127\.0\.0\.1:\d+: the address is in use[^\n]*\n$/);
  });

  const fifo = path.join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  for (const flag of ['--statement-log', '--trace']) {
    for (const [file, problem] of [
      [path.join(folder, 'none', 'log'), /: there is no directory \S+none; make it, or name another file\n$/],
      [folder, /: it is a directory; name a file in it\n$/],
      [fifo, /: nobody reads this FIFO; start its reader first\n$/],
    ] as const) {
      it(`is one line and status 1: ${flag} ${path.relative(folder, file)}`, async () => {
        const { status, stderr } = await runCommand(['proxy', ...UPSTREAM, '--listen', ':0', flag, file]);
        assert.equal(status, 1);
        assert.match(stderr, /^pgnetflow: cannot open the (statement log|trace) [^\n]+\n$/);
        assert.match(stderr, problem);
      });
    }
  }

  it('shows a stack to those who ask for it', async () => {
    const args = ['proxy', ...UPSTREAM, '--listen', ':0', '--log-level', 'debug'];
    const { stderr } = await runCommand([...args, '--statement-log', path.join(folder, 'none', 'log')]);
    assert.match(stderr, /"stack":/);
  });
});

describe('help', () => {
  it('names every flag, with its default', async () => {
    const { status, stdout, stderr } = await runCommand(['proxy', '--help']);
    assert.equal(status, 0);
    assert.equal(stderr, '');
    const words = stdout.replace(/\s+/g, ' ');
    for (const [name, setting] of Object.entries(PROXY_FLAGS)) {
      assert.ok(words.includes(` --${name} `), name);
      assert.ok(words.includes(setting.describe), name);
      if (setting.default !== null && setting.kind !== 'switch') {
        assert.ok(words.includes(`[default: ${setting.default}`), name);
      }
    }
    assert.ok(stdout.split('\n').every((line) => line.length <= 110));
  });

  it('has examples of the probe that can be copied', async () => {
    const { stdout } = await runCommand(['probe', '--help']);
    const [examples] = stdout.split('Examples:\n').at(-1)!.split('\n\n');
    const lines = examples!.split('\n');
    assert.ok(lines.length >= 4);
    for (const line of lines) assert.match(line, /^ {2}(sudo )?pgnetflow probe .*\S {2,}\S/);
  });

  it('lists the commands', async () => {
    const { status, stdout } = await runCommand(['--help']);
    assert.equal(status, 0);
    assert.match(stdout, /pgnetflow proxy +Stand between/);
  });

  it('does not mind a reader that has gone', async () => {
    const command = new Command(['proxy', '--help']);
    command.process.stdout!.destroy();
    const { status, stderr } = await command.finished();
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  });

  it('tells the version', async () => {
    assert.equal((await runCommand(['--version'])).stdout, `${packageVersion()}\n`);
  });
});

describe('the built command', () => {
  it('begins as npm needs it', () => {
    const main = path.join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
    assert.match(readFileSync(main, 'utf8'), /^#!\/usr\/bin\/env node\n/);
  });
});
