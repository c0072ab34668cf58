import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'node:test';
import { readProxySettings } from '../../src/settings/proxy_settings.ts';
import { clientTlsMode } from '../../src/settings/tls_settings.ts';

const root = path.join(import.meta.dirname, '..', '..', '..');

describe('the documentation', () => {
  it('is what the tables in the source say', () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [path.join(root, 'scripts', 'docs.js'), '--check'],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });

  it('has an example of several servers that works', () => {
    const config = path.join(root, 'docs', 'listeners.example.yaml');
    const { listeners } = readProxySettings({ config }, {});
    assert.deepEqual(
      listeners.map((listener) => [
        listener.listen.length,
        clientTlsMode(listener),
        listener['connect-timeout'],
      ]),
      [
        [2, 'require', 5000],
        [1, 'allow', 5000],
        [1, 'disable', 5000],
      ],
    );
  });
});
