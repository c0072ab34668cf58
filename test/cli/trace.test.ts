import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { assertGolden } from '../golden.ts';
import { Command, runCommand } from '../support/command.ts';
import { temporaryDirectory } from '../support/programs.ts';

const ROOT = path.join(import.meta.dirname, '..', '..', '..');
/** What probes/fsync.bt printed on PostgreSQL 15: a table, 70,000 transaction ids, a checkpoint. */
const RECORDED = path.join(ROOT, 'test', 'golden', 'fsync', 'bpftrace.ndjson');

describe('a wrong command line of trace', () => {
  const cases: [string[], RegExp][] = [
    [[], /trace what\? give pgnetflow trace fsync/],
    [['fsnyc'], /unknown trace "fsnyc"; give pgnetflow trace fsync/],
    [['fsync', '--pdi', '1'], /unknown flag --pdi; did you mean --pid\?/],
    [['fsync', 'extra'], /unexpected "extra": trace fsync takes flags only/],
    [['fsync', '--pid', 'x'], /--pid: "x" is no whole number/],
    [['fsync', '--duration', '0'], /--duration: "0" is no number of seconds/],
  ];
  for (const [args, problem] of cases) {
    it(`is one line and status 2: pgnetflow trace ${args.join(' ')}`, async () => {
      const { status, stdout, stderr } = await runCommand(['trace', ...args]);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, /^pgnetflow: [^\n]+\n$/);
      assert.match(stderr, problem);
    });
  }
});

describe('recorded records', () => {
  it('make the same report as when they were traced', async () => {
    const { status, stdout } = await runCommand(['trace', 'fsync', '--records', RECORDED]);
    assert.equal(status, 0);
    assertGolden('fsync/report.txt', stdout);
    assert.ok(stdout.split('\n').every((line) => line.length <= 119));
  });

  it('are published by name, the summary last', async () => {
    const { stdout } = await runCommand(['trace', 'fsync', '--json', '--records', RECORDED]);
    assertGolden('fsync/records.ndjson', stdout);
  });

  it('make the same report again when they are read by name', async () => {
    const byName = path.join(ROOT, 'test', 'golden', 'fsync', 'records.ndjson');
    const { stdout } = await runCommand(['trace', 'fsync', '--records', byName]);
    assert.equal(stdout, readFileSync(path.join(ROOT, 'test', 'golden', 'fsync', 'report.txt'), 'utf8'));
  });

  it('come through a pipe, whose writer still has its last words after Ctrl-C', async () => {
    const [first = '', ...rest] = readFileSync(RECORDED, 'utf8').split(/(?<=tick.*\n)/);
    const command = new Command(['trace', 'fsync', '--json', '--records', '-'], {}, 'pipe');
    command.process.stdin!.write(first);
    await command.until('stdout', /"attach"/);
    command.kill('SIGINT');
    command.process.stdin!.end(rest.join(''));
    const { status, stdout } = await command.finished();
    assert.equal(status, 0);
    assert.equal(stdout, readFileSync(path.join(ROOT, 'test', 'golden', 'fsync', 'records.ndjson'), 'utf8'));
  });

  it('that are damaged, or not all there, are named in the report', async () => {
    const lines = readFileSync(RECORDED, 'utf8').trimEnd().split('\n');
    const file = path.join(temporaryDirectory(), 'damaged');
    writeFileSync(file, lines.with(4, 'hello').with(7, lines[7]!.slice(0, -9)).slice(0, -1).join('\n'));
    const { status, stdout } = await runCommand(['trace', 'fsync', '--records', file]);
    assert.equal(status, 0);
    assert.match(
      stdout,
      /\nDAMAGED: 2 lines could not be read; what they told is missing\n {2}line 5: it is no JSON\n {2}line 8: it is no JSON\nINCOMPLETE: the end \(detach\) is missing: [^\n]+\n$/,
    );
    const asJson = await runCommand(['trace', 'fsync', '--json', '--records', file]);
    const {
      damaged,
      damaged_lines: named,
      missing,
    } = JSON.parse(asJson.stdout.trimEnd().split('\n').at(-1)!);
    const problem = 'it is no JSON';
    assert.deepEqual(
      [damaged, named, missing],
      [
        2,
        [
          { line: 5, problem },
          { line: 8, problem },
        ],
        ['detach'],
      ],
    );
    writeFileSync(file, lines.slice(2).join('\n'));
    const late = await runCommand(['trace', 'fsync', '--records', file]);
    assert.match(late.stdout, /\nINCOMPLETE: the beginning \(attach\) is missing; [^\n]+\n$/);
  });

  it('are in none of the files that cannot be read, or hold something else', async () => {
    const missing = await runCommand(['trace', 'fsync', '--records', '/nowhere/records']);
    assert.deepEqual([missing.status, missing.stdout], [1, '']);
    assert.match(
      missing.stderr,
      /^pgnetflow: \/nowhere\/records: there is no such file; have one written with pgnetflow trace fsync/,
    );
    const other = path.join(temporaryDirectory(), 'other');
    writeFileSync(other, 'hello\n');
    const { status, stderr } = await runCommand(['trace', 'fsync', '--records', other]);
    assert.equal(status, 1);
    assert.match(stderr, /other: it is not a recording of [^:]+: it has no record of pgnetflow\.fsync\/1; /);
    writeFileSync(other, '{"type":"attach","schema":"pgnetflow.probe/1"}\n');
    const swapped = await runCommand(['trace', 'fsync', '--records', other]);
    assert.match(
      swapped.stderr,
      /other: it is a recording of pgnetflow probe, and not a recording of pgnetflow /,
    );
    writeFileSync(other, '{"type":"attach","schema":"pgnetflow.fsync/2","at_us":1}\n');
    const later = await runCommand(['trace', 'fsync', '--records', other]);
    assert.match(later.stderr, /its schema is "pgnetflow\.fsync\/2", not "pgnetflow\.fsync\/1"; /);
    const folder = await runCommand(['trace', 'fsync', '--records', path.dirname(other)]);
    assert.match(folder.stderr, /: it is a directory; name the file in it that is a recording of pgnetflow /);
  });
});
