import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { PROXY_SETTINGS, readProxySettings } from '../../src/settings/proxy_settings.ts';
import { environmentName } from '../../src/settings/setting.ts';
import { UsageError } from '../../src/settings/usage_error.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function configFile(text: string): string {
  files += 1;
  const file = path.join(folder, `${files}.yaml`);
  writeFileSync(file, text);
  return file;
}

function usage(pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof UsageError, String(error));
    assert.match(error.message, pattern);
    assert.ok(!error.message.includes('\n'));
    return true;
  };
}

const UPSTREAM = { upstream: 'db1' };

describe('the settings of the proxy', () => {
  it('have these defaults', () => {
    const { written, ...settings } = readProxySettings(UPSTREAM, {});
    assert.deepEqual(settings, {
      listeners: [
        {
          listen: [{ host: '127.0.0.1', port: 6432 }],
          upstream: { host: 'db1', port: 5432 },
          'proxy-protocol-from': [],
          'connect-timeout': 10_000,
          'startup-timeout': 60_000,
          'cancel-timeout': 10_000,
          'tcp-keepalive': 0,
          'client-tls': null,
          'tls-cert': null,
          'tls-key': null,
          'tls-ca': null,
          'upstream-tls': 'disable',
          'upstream-ca': null,
          'upstream-cert': null,
          'upstream-key': null,
          'upstream-tls-negotiation': 'postgres',
          entry: null,
        },
      ],
      accounting: 'on',
      report: 'text',
      'report-file': null,
      live: false,
      'statement-log': null,
      trace: null,
      'probe-socket': null,
      'state-file': null,
      'console-database': 'postgres',
      'console-alias': null,
      http: null,
      'http-token': null,
      'metrics-statements': 50,
      'diagnose-after': 5000,
      workers: 1,
      'drain-timeout': 0,
      'max-connections': 10_000,
      'max-cancels': 1000,
      'max-query-bytes': 4096,
      'query-text': 'raw',
      'max-statements-kept': 200,
      'max-statements-in-all': 10000,
      'max-sessions-kept': 1000,
      'max-fingerprints': 2000,
      'log-level': 'info',
    });
    // For people, as they would write them.
    const texts = new Map(written.map(({ name, value }) => [name, value]));
    assert.deepEqual([...texts.keys()], Object.keys(PROXY_SETTINGS));
    assert.deepEqual(
      [texts.get('upstream'), texts.get('diagnose-after'), texts.get('trace')],
      ['db1', '5', ''],
    );
  });

  it('come from a flag, or else the environment, or else the file', () => {
    const config = configFile('max-query-bytes: 1\nmax-statements-kept: 1\nmax-sessions-kept: 1\n');
    const environment = { PGNETFLOW_MAX_QUERY_BYTES: '2', PGNETFLOW_MAX_STATEMENTS_KEPT: '2' };
    const settings = readProxySettings({ ...UPSTREAM, config, 'max-query-bytes': '3' }, environment);
    assert.deepEqual(
      [settings['max-query-bytes'], settings['max-statements-kept'], settings['max-sessions-kept']],
      [3, 2, 1],
    );
  });

  it('can all be set in the environment and in the file, the file by PGNETFLOW_CONFIG', () => {
    const written = {
      listen: ['[::1]:1', '/tmp/socket'],
      upstream: 'postgres://db2',
      'proxy-protocol-from': ['10.0.0.0/8', '::1', 'unix'],
      'connect-timeout': 1.5,
      'startup-timeout': 2,
      'cancel-timeout': 3,
      'tcp-keepalive': 60,
      'client-tls': 'require',
      'tls-cert': 'server.crt',
      'tls-key': 'server.key',
      'tls-ca': 'clients.crt',
      'upstream-tls': 'verify-full',
      'upstream-ca': 'root.crt',
      'upstream-cert': 'client.crt',
      'upstream-key': 'client.key',
      'upstream-tls-negotiation': 'direct',
      accounting: 'on',
      report: 'json',
      'report-file': 'report.json',
      live: true,
      'statement-log': 'log.ndjson',
      trace: 'trace.txt',
      'probe-socket': 'probe.sock',
      'state-file': 'state',
      'console-database': 'admin',
      'console-alias': 'pgbouncer',
      http: ':6481',
      'http-token': 'a-token-of-the-tests',
      'metrics-statements': 23,
      'diagnose-after': 0,
      workers: 'auto',
      'drain-timeout': 30,
      'max-connections': 11,
      'max-cancels': 12,
      'max-query-bytes': 5,
      'query-text': 'none',
      'max-statements-kept': 6,
      'max-statements-in-all': 9,
      'max-sessions-kept': 7,
      'max-fingerprints': 8,
      'log-level': 'debug',
    };
    assert.deepEqual(Object.keys(written), Object.keys(PROXY_SETTINGS));
    const config = configFile(JSON.stringify(written));
    const fromFile = readProxySettings({}, { PGNETFLOW_CONFIG: config });
    const environment = Object.fromEntries(
      Object.entries(written).map(([name, value]) => [environmentName(name), String(value)]),
    );
    assert.deepEqual(readProxySettings({}, environment), fromFile);
    const [listener] = fromFile.listeners;
    assert.equal(listener?.['connect-timeout'], 1500);
    assert.equal(fromFile.live, true);
    assert.deepEqual(listener['proxy-protocol-from'], [
      { address: '10.0.0.0', prefix: 8 },
      { address: '::1', prefix: 128 },
      'unix',
    ]);
    assert.deepEqual(listener.listen, [{ host: '::1', port: 1 }, { path: '/tmp/socket' }]);
  });

  it('have seconds that may be none at all, for never', () => {
    for (const [text, ms] of [
      ['0', 0],
      ['0.0', 0],
      ['0.25', 250],
    ] as const) {
      assert.equal(readProxySettings({ ...UPSTREAM, 'diagnose-after': text }, {})['diagnose-after'], ms);
    }
    for (const text of ['-1', 'never', '0.0001']) {
      const read = (): unknown => readProxySettings({ ...UPSTREAM, 'diagnose-after': text }, {});
      assert.throws(read, usage(/^--diagnose-after: /));
    }
  });

  it('take an empty variable as not set, and an empty file as one', () => {
    const settings = readProxySettings(
      { ...UPSTREAM, config: configFile('# nothing yet\n') },
      { PGNETFLOW_REPORT: '' },
    );
    assert.equal(settings.report, 'text');
  });

  it('name what is wrong, and where', () => {
    const config = (text: string): Record<string, string> => ({ ...UPSTREAM, config: configFile(text) });
    const cases: [Record<string, unknown>, Record<string, string>, RegExp][] = [
      [{}, {}, /^--upstream is missing/],
      [{ upstream: true }, {}, /^--upstream: has no value$/],
      [{ upstream: ['a', 'b'] }, {}, /^--upstream: takes one value, not 2$/],
      [{ ...UPSTREAM, listen: ['a:1', 'b:x'] }, {}, /^--listen: "x" is no port/],
      [UPSTREAM, { PGNETFLOW_REPORT: 'xml' }, /^PGNETFLOW_REPORT: "xml" is none of text, json, csv, none/],
      [UPSTREAM, { PGNETFLOW_LIVE: 'maybe' }, /^PGNETFLOW_LIVE: "maybe" is neither true nor false$/],
      [
        UPSTREAM,
        { PGNETFLOW_CONNECT_TIMEOUT: '0' },
        /^PGNETFLOW_CONNECT_TIMEOUT: "0" is no number of seconds/,
      ],
      [UPSTREAM, { PGNETFLOW_MAX_QUERY_BYTES: '1e3' }, /"1e3" is no whole number from 0 to 1048576$/],
      [
        { ...UPSTREAM, config: '/no/such/file' },
        {},
        /^--config: \/no\/such\/file: there is no such file; check the path$/,
      ],
      [
        config('max-query-byte: 1'),
        {},
        /\.yaml: unknown setting "max-query-byte"; did you mean max-query-bytes\?$/,
      ],
      [config('report: [text, json]'), {}, /^report in .*\.yaml: takes one value, not 2$/],
      [config('report: {}'), {}, /^report in .*\.yaml: must be a plain value$/],
      [config('report:'), {}, /^report in .*\.yaml: has no value$/],
      [config('report: text\nlive: "'), {}, /\.yaml, line 2: /],
      [config('- report'), {}, /\.yaml: must hold "name: value" lines$/],
      [config('config: other.yaml'), {}, /unknown setting "config"/],
      [{ ...UPSTREAM, report: 'a\nb' }, {}, /^--report: "a\\nb" is none of/],
    ];
    for (const [flags, environment, pattern] of cases) {
      assert.throws(() => readProxySettings(flags, environment), usage(pattern), String(pattern));
    }
  });

  it('do not promise to write down what accounting off does not read', () => {
    const config = configFile('accounting: off\n');
    assert.equal(readProxySettings({ ...UPSTREAM, config }, {}).accounting, 'off');
    for (const flag of ['live', 'statement-log', 'trace']) {
      const flags = { ...UPSTREAM, [flag]: flag === 'live' ? true : 'file', accounting: 'off' };
      assert.throws(() => readProxySettings(flags, {}), usage(new RegExp(`^--${flag} has nothing to write`)));
    }
  });

  it('let nobody on another host look without a token, which they show to nobody', () => {
    const secret = 'a-token-of-the-tests';
    const cases: [Record<string, string>, RegExp | null][] = [
      [{ http: '127.0.0.1' }, null],
      [{ http: '127.8.8.8:1' }, null],
      [{ http: '[::1]:1' }, null],
      [{ http: 'localhost' }, null],
      [
        { http: '0.0.0.0' },
        /^--http 0\.0\.0\.0:6480 can be reached from other hosts; add --http-token TOKEN .* or use 127\.0\.0\.1:6480$/,
      ],
      [{ http: '*' }, /can be reached from other hosts/],
      [{ http: 'db1:1' }, /can be reached from other hosts/],
      [{ http: '0.0.0.0', 'http-token': secret }, null],
      [{ 'http-token': secret }, /^--http-token has no use without --http/],
      [{ http: ':1', 'http-token': 'too short' }, /^--http-token: a token has at least 16 characters/],
      [{ http: ':1', 'http-token': 'a token with spaces in it' }, /^--http-token: a token has at least/],
    ];
    for (const [flags, problem] of cases) {
      const read = () => readProxySettings({ ...UPSTREAM, ...flags }, {});
      if (problem === null) assert.doesNotMatch(JSON.stringify(read().written), new RegExp(secret));
      else assert.throws(read, usage(problem));
    }
  });

  it('do not mix two kinds of things on standard output', () => {
    const cases: [Record<string, string | boolean>, RegExp | null][] = [
      [{ 'statement-log': '-' }, /--report-file PATH or --report none$/],
      [{ 'statement-log': '-', report: 'none' }, null],
      [{ 'statement-log': '-', 'report-file': 'x' }, null],
      [{ 'statement-log': '-', report: 'none', live: true }, /leave one out$/],
      [{ live: true, report: 'json' }, /--report json both write to standard output/],
      [{ live: true }, null],
      [{ live: true, report: 'csv', 'report-file': 'x' }, null],
    ];
    for (const [flags, problem] of cases) {
      const read = (): unknown => readProxySettings({ ...UPSTREAM, ...flags }, {});
      if (problem === null) assert.doesNotThrow(read);
      else assert.throws(read, usage(problem));
    }
  });
});
