// Several listeners in one configuration file: what an entry says, what it takes from the top level, what is refused.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { ListenerSettings } from '../../src/settings/listener_settings.ts';
import { readProxySettings } from '../../src/settings/proxy_settings.ts';
import { UsageError } from '../../src/settings/usage_error.ts';
import { temporaryDirectory } from '../support/programs.ts';

const file = path.join(temporaryDirectory(), 'pairs.yaml');

function read(
  yaml: string,
  flags: Record<string, unknown> = {},
  environment: Record<string, string> = {},
): readonly ListenerSettings[] {
  writeFileSync(file, yaml);
  return readProxySettings({ ...flags, config: file }, environment).listeners;
}

describe('the listeners of a configuration file', () => {
  it('are pairs of their own', () => {
    const [one, other] = read(`
      listeners:
        - {listen: 127.0.0.1:6432, upstream: db1}
        - listen: ['127.0.0.1:6433', /tmp/.s.PGSQL.6433]
          upstream: postgres://db2:5433
          upstream-tls: require
          proxy-protocol-from: 10.0.0.0/8
    `);
    assert.deepEqual(one?.listen, [{ host: '127.0.0.1', port: 6432 }]);
    assert.deepEqual(one.upstream, { host: 'db1', port: 5432 });
    assert.equal(one['upstream-tls'], 'disable');
    assert.deepEqual(one.entry, { file, index: 0 });
    assert.deepEqual(other?.listen, [{ host: '127.0.0.1', port: 6433 }, { path: '/tmp/.s.PGSQL.6433' }]);
    assert.deepEqual(other.upstream, { host: 'db2', port: 5433 });
    assert.equal(other['upstream-tls'], 'require');
    assert.deepEqual(other['proxy-protocol-from'], [{ address: '10.0.0.0', prefix: 8 }]);
  });

  it('take what they leave out from flags, environment and top level, in this order', () => {
    const [one, other] = read(
      `
      upstream: from-the-file
      connect-timeout: 1
      startup-timeout: 2
      cancel-timeout: 3
      listeners:
        - {listen: 1, upstream: db1, connect-timeout: 4, startup-timeout: 5, cancel-timeout: 6}
        - {listen: 2}
    `,
      { 'connect-timeout': '7' },
      { PGNETFLOW_CONNECT_TIMEOUT: '8', PGNETFLOW_STARTUP_TIMEOUT: '9' },
    );
    const timeouts = ['connect-timeout', 'startup-timeout', 'cancel-timeout'] as const;
    assert.deepEqual(one?.upstream, { host: 'db1', port: 5432 });
    assert.deepEqual(
      timeouts.map((name) => one[name]),
      [4000, 5000, 6000],
    );
    assert.deepEqual(other?.upstream, { host: 'from-the-file', port: 5432 });
    assert.deepEqual(
      timeouts.map((name) => other[name]),
      [7000, 9000, 3000],
    );
  });

  it('may leave the address to the top level, one of them', () => {
    const yaml = 'listeners: [{upstream: db1}, {upstream: db2, listen: 2}]';
    assert.deepEqual(read(yaml)[0]?.listen, [{ host: '127.0.0.1', port: 6432 }]);
    assert.deepEqual(read(yaml, {}, { PGNETFLOW_LISTEN: '7' })[0]?.listen, [{ host: '127.0.0.1', port: 7 }]);
  });

  it('may all listen on any free port', () => {
    assert.equal(read('upstream: db1\nlisteners: [{listen: ":0"}, {listen: [":0", ":0"]}]').length, 2);
  });

  it('do not take a certificate without its key, nor files that they have no use for', () => {
    const top = 'tls-cert: c\ntls-key: k\ntls-ca: a\nupstream-tls: verify-ca\nupstream-ca: u\n';
    const entries = ['', 'tls-cert: d, tls-key: l', 'client-tls: disable', 'upstream-tls: disable'];
    entries.push('client-tls: passthrough');
    const listeners = read(
      `${top}upstream: db1\nlisteners:\n${entries.map((entry) => `- {listen: ":0", ${entry}}\n`).join('')}`,
    );
    const names = ['client-tls', 'tls-cert', 'tls-key', 'tls-ca', 'upstream-tls', 'upstream-ca'] as const;
    assert.deepEqual(
      listeners.map((listener) => names.map((name) => listener[name])),
      [
        [null, 'c', 'k', 'a', 'verify-ca', 'u'],
        [null, 'd', 'l', 'a', 'verify-ca', 'u'],
        ['disable', null, null, null, 'verify-ca', 'u'],
        [null, 'c', 'k', 'a', 'disable', null],
        ['passthrough', null, null, null, 'disable', null],
      ],
    );
    assert.throws(() => read(`${top}upstream: db1\nlisteners: [{tls-cert: d}]`), {
      message: `${file}: listeners[0].tls-cert needs listeners[0].tls-key`,
    });
  });

  const TWO = 'listeners:\n  - {listen: 1, upstream: db1}\n  - ';
  const WRONG: readonly [string, string][] = [
    [`${TWO}{listen: 2}`, 'listeners[1].upstream is missing; give it there, or at the top level'],
    [`${TWO}{listen: 2, upstream: "a:b"}`, 'listeners[1].upstream: "b" is no port'],
    [`${TWO}{listen: 2, upstream: [a, b]}`, 'listeners[1].upstream: takes one value, not 2'],
    [`${TWO}{listen: [2, x:y], upstream: a}`, 'listeners[1].listen: "y" is no port'],
    [`${TWO}{listen: 2, upstream: {}}`, 'listeners[1].upstream: must be a plain value'],
    [`${TWO}{listen: 2, upstream: }`, 'listeners[1].upstream: has no value'],
    [`${TWO}{listen: 2, upstrem: a}`, 'listeners[1]: unknown setting "upstrem"; did you mean upstream?'],
    [`${TWO}{listen: 2, upstream: a, report: json}`, 'listeners[1].report: is the same for all listeners'],
    [`${TWO}{listen: 2, upstream: a, tls-cert: c}`, 'listeners[1].tls-cert needs listeners[1].tls-key'],
    [`${TWO}{listen: 2, upstream: a, client-tls: require}`, 'listeners[1].client-tls require needs a'],
    [`${TWO}{listen: 2, upstream: a, client-tls: requir}`, 'listeners[1].client-tls: "requir" is none of'],
    [`${TWO}{listen: 2, upstream: /s, upstream-tls: require}`, 'listeners[1].upstream-tls require: Postgre'],
    [`${TWO}{listen: 1, upstream: b}`, 'listeners[1].listen: 127.0.0.1:1 is taken by listeners[0] already'],
    [`${TWO}{listen: [2, 2], upstream: b}`, 'listeners[1].listen: 127.0.0.1:2 is taken by the same entry'],
    [
      `${TWO}{listen: 2, upstream: "localhost:1"}`,
      'listeners[1].upstream: localhost:1 is where pgnetflow itself',
    ],
    [
      `${TWO}{listen: "*:3", upstream: "127.0.0.1:3"}`,
      'listeners[1].upstream: 127.0.0.1:3 is where pgnetflow',
    ],
    [`${TWO}{listen: /t/s, upstream: /t/s}`, 'listeners[1].upstream: /t/s is where pgnetflow itself listens'],
    [`${TWO}db2`, 'listeners[1]: must hold "name: value" lines'],
    ['listeners: []', 'listeners: must be a list, an entry for each server'],
    ['listeners: {listen: 1}', 'listeners: must be a list, an entry for each server'],
    ['listeners:', 'listeners: must be a list, an entry for each server'],
    ['listener: []', 'unknown setting "listener"; did you mean listeners?'],
  ];
  for (const [yaml, message] of WRONG) {
    it(`are refused by file, entry and key: ${message}`, () => {
      assert.throws(
        () => read(yaml),
        (error) => {
          assert.ok(error instanceof UsageError, String(error));
          assert.ok(error.message.startsWith(`${file}: ${message}`), error.message);
          return true;
        },
      );
    });
  }

  it('refuse an address at the top level that none of them leaves out', () => {
    const yaml = 'listeners: [{listen: 1, upstream: db1}]';
    const because = `: would not be listened on, for each of the listeners in ${file} has a listen of its own; leave it out`;
    assert.throws(() => read(`listen: 2\n${yaml}`), { message: `listen in ${file}${because}` });
    assert.throws(() => read(yaml, { listen: '2' }), { message: `--listen${because}` });
    assert.throws(() => read(yaml, {}, { PGNETFLOW_LISTEN: '2' }), { message: `PGNETFLOW_LISTEN${because}` });
    assert.equal(read(yaml, {}, { PGNETFLOW_LISTEN: '' }).length, 1);
  });
});
