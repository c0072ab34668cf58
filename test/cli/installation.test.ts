import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { packageVersion } from '../../src/package_version.ts';
import { Command } from '../support/command.ts';
import { temporaryDirectory } from '../support/programs.ts';

const ROOT = path.join(import.meta.dirname, '..', '..', '..');

/** A package of its own, as npm would install it; its `pgnetflow`. */
function install(): { readonly folder: string; readonly main: string } {
  const folder = path.join(temporaryDirectory(), 'installed');
  cpSync(path.join(ROOT, 'dist', 'src'), path.join(folder, 'dist', 'src'), { recursive: true });
  cpSync(path.join(ROOT, 'package.json'), path.join(folder, 'package.json'));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  return { folder, main: path.join(folder, 'dist', 'src', 'cli', 'main.js') };
}

describe('an installed package', () => {
  it('may be taken away while the proxy runs: the report comes as ever', async () => {
    const { folder, main } = install();
    const report = path.join(path.dirname(folder), 'report.json');
    const args = ['--listen', '127.0.0.1:0', '--upstream', '127.0.0.1:1', '--report', 'json'];
    const proxy = new Command(['proxy', ...args, '--report-file', report], {}, 'ignore', main);
    await proxy.until('stderr', /listens on/);
    rmSync(folder, { recursive: true });
    proxy.kill('SIGTERM');
    const { status, stderr } = await proxy.finished();
    assert.equal(status, 0, stderr);
    assert.equal(JSON.parse(readFileSync(report, 'utf8')).version, packageVersion());
  });

  it('that lacks its package.json is refused', async () => {
    const { folder, main } = install();
    rmSync(path.join(folder, 'package.json'));
    const { status, stderr } = await new Command(['--version'], {}, 'ignore', main).finished();
    assert.equal(status, 1);
    assert.match(stderr, /pgnetflow is not installed whole: there is no package\.json above /);
  });
});
