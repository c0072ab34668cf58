// Every way to log in over every combination of encrypted legs: the table of docs/tls.md, with psql and a real server.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Authority, type Certificate, contextOf } from '../support/certificates.ts';
import { libpqEnvironment, run, succeed } from '../support/programs.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { debianProgram, debianMissing, debianServer } from '../support/servers.ts';
import type { TestOptions } from '../support/proxies.ts';
import { LOCAL_NAMES, withTls } from '../support/tls_server.ts';

const authority = new Authority('pgnetflow test authority');
const serverCertificate = authority.issue('localhost', LOCAL_NAMES);
const otherCertificate = authority.issue('localhost', LOCAL_NAMES);
/** For the role `cert`, whose name it carries. */
const roleCertificate = authority.issue('cert');

const METHODS = ['trust', 'password', 'md5', 'scram', 'cert'] as const;
type Method = (typeof METHODS)[number];

const server =
  debianMissing === false
    ? await debianServer({
        ...withTls(authority, serverCertificate),
        hba: `local all all trust
host all postgres all trust
host all trust all trust
host all password all password
host all md5 all md5
host all scram all scram-sha-256
hostssl all cert all cert
`,
      })
    : null;
const psql = debianProgram('psql');

const clientTls = (certificate: Certificate): TestOptions => ({
  clientTls: { mode: 'require', context: contextOf(certificate), verifyClients: false },
});
const upstreamTls: TestOptions = {
  upstreamTls: {
    mode: 'verify-full',
    negotiation: 'postgres',
    verifyAuthority: true,
    context: contextOf(roleCertificate, authority),
  },
};

interface Combination {
  readonly options: TestOptions;
  /** Of the client. */
  readonly sslmode: 'disable' | 'verify-full';
  readonly channelBinding?: 'disable' | 'require';
  /** What fails, and what the client is told. */
  readonly fails: Partial<Record<Method, RegExp>>;
}

const NO_ENCRYPTION = /no pg_hba.conf entry/;
const COMBINATIONS: Readonly<Record<string, Combination>> = {
  none: { options: {}, sslmode: 'disable', fails: { cert: NO_ENCRYPTION } },
  'the client leg': {
    options: clientTls(otherCertificate),
    sslmode: 'verify-full',
    fails: { cert: NO_ENCRYPTION },
  },
  'the server leg': { options: upstreamTls, sslmode: 'disable', fails: {} },
  'both legs, one certificate': {
    options: { ...clientTls(serverCertificate), ...upstreamTls },
    sslmode: 'verify-full',
    fails: {},
  },
  'both legs, one certificate, channel_binding=require': {
    options: { ...clientTls(serverCertificate), ...upstreamTls },
    sslmode: 'verify-full',
    channelBinding: 'require',
    fails: {
      trust: /channel binding/,
      password: /channel binding/,
      md5: /channel binding/,
      cert: /channel binding/,
    },
  },
  'both legs, two certificates': {
    options: { ...clientTls(otherCertificate), ...upstreamTls },
    sslmode: 'verify-full',
    fails: { scram: /SCRAM channel binding check failed/ },
  },
  'both legs, two certificates, channel_binding=disable': {
    options: { ...clientTls(otherCertificate), ...upstreamTls },
    sslmode: 'verify-full',
    channelBinding: 'disable',
    fails: {},
  },
  'the two legs as one (passthrough)': {
    options: { clientTls: 'passthrough' },
    sslmode: 'verify-full',
    fails: {},
  },
};

describe('a log-in with TLS on', { skip: debianMissing }, () => {
  before(async () => {
    assert.ok(server !== null);
    const input = `${METHODS.filter((method) => method !== 'md5')
      .map((method) => `create role ${method} login password 'secret';`)
      .join('\n')}
set password_encryption = 'md5'; create role md5 login password 'secret';\n`;
    await succeed(psql, ['-X', '-v', 'ON_ERROR_STOP=1'], { env: libpqEnvironment(server), input });
  });

  for (const [name, combination] of Object.entries(COMBINATIONS)) {
    it(name, async () => {
      assert.ok(server !== null);
      const running = await proxyBefore(server, combination.options);
      for (const method of METHODS) {
        const env = libpqEnvironment(
          { host: 'localhost', port: running.port },
          {
            PGUSER: method,
            PGPASSWORD: 'secret',
            PGGSSENCMODE: 'disable',
            PGSSLMODE: combination.sslmode,
            PGSSLROOTCERT: authority.certFile,
            PGSSLCERT: roleCertificate.certFile,
            PGSSLKEY: roleCertificate.keyFile,
            ...(combination.channelBinding !== undefined && { PGCHANNELBINDING: combination.channelBinding }),
          },
        );
        const { stdout, stderr } = await run(psql, ['-X', '-A', '-t', '-c', 'select current_user'], { env });
        const failure = combination.fails[method];
        if (failure === undefined) assert.equal(stdout, `${method}\n`, `${method}: ${stderr}`);
        else assert.match(stderr, failure, method);
      }
      const { sessions } = await running.settled();
      assert.equal(sessions.length, METHODS.length);
      if (combination.fails.scram !== undefined) {
        const detail = sessions.find(({ user }) => user === 'scram')?.end_detail ?? '';
        assert.match(detail, /channel_binding=disable there, or give pgnetflow the server's own certificate/);
      }
      const scram = sessions.find(({ user }) => user === 'scram');
      // "SCRAM-SHA-256-PLUS" and its zero byte, and the answer to SSLRequest.
      if (name === 'the server leg') assert.equal(scram?.wire.server.own_in, 19 + 1);
    });
  }
});
