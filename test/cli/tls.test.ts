// The files of TLS: checked at the start, read again on SIGHUP.
import assert from 'node:assert/strict';
import { copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { TLSSocket } from 'node:tls';
import { Authority, type Certificate, openssl } from '../support/certificates.ts';
import { Command, runCommand } from '../support/command.ts';
import { temporaryDirectory } from '../support/programs.ts';
import { connectTls } from '../support/tls_peers.ts';

const authority = new Authority('pgnetflow test authority');
const first = authority.issue('localhost', ['DNS:localhost']);
const second = authority.issue('localhost', ['DNS:localhost']);
/** Nobody listens there. */
const START = ['proxy', '--upstream', '127.0.0.1:1', '--listen', '127.0.0.1:0', '--report', 'none'];

describe('a file of TLS that cannot be used', () => {
  const folder = temporaryDirectory();
  const nonsense = path.join(folder, 'nonsense');
  writeFileSync(nonsense, 'nonsense\n');
  const locked = path.join(folder, 'locked.key');
  openssl('pkcs8', '-topk8', '-in', first.keyFile, '-out', locked, '-passout', 'pass:secret');
  const CASES: readonly [string, readonly string[], RegExp][] = [
    [
      'a directory',
      ['--tls-cert', '/', '--tls-key', first.keyFile],
      /--tls-cert: \/: it is a directory; name /,
    ],
    [
      'missing',
      ['--tls-cert', '/no/such', '--tls-key', first.keyFile],
      /--tls-cert: \/no\/such: there is no such file; check the path\n/,
    ],
    [
      'no certificate',
      ['--tls-cert', nonsense, '--tls-key', first.keyFile],
      /--tls-cert: .*nonsense does not begin with a PEM certificate/,
    ],
    [
      'no key',
      ['--tls-cert', first.certFile, '--tls-key', nonsense],
      /--tls-key: .*nonsense does not begin with a PEM private key/,
    ],
    [
      'the key of another',
      ['--tls-cert', first.certFile, '--tls-key', second.keyFile],
      /is not the key of the certificate in --tls-cert/,
    ],
    [
      'a key with a passphrase',
      ['--tls-cert', first.certFile, '--tls-key', locked],
      /protected by a passphrase/,
    ],
    ['no authority', ['--upstream-tls', 'verify-ca', '--upstream-ca', nonsense], /--upstream-ca: .*nonsense/],
  ];
  for (const [name, flags, message] of CASES) {
    it(`is a usage error of one line: ${name}`, async () => {
      const { status, stderr } = await runCommand([...START, ...flags]);
      assert.equal(status, 2);
      assert.match(stderr, message);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
    });
  }
});

describe('SIGHUP', () => {
  it('puts new certificates to use, and leaves the old ones when the new are broken', async () => {
    const folder = temporaryDirectory();
    const cert = path.join(folder, 'server.crt');
    const key = path.join(folder, 'server.key');
    const install = (certificate: Certificate): void => {
      copyFileSync(certificate.certFile, cert);
      copyFileSync(certificate.keyFile, key);
    };
    install(first);
    const command = new Command([...START, '--tls-cert', cert, '--tls-key', key]);
    const port = await command.listening();
    const shown = async (): Promise<string> => {
      const peer = await connectTls({ host: '127.0.0.1', port }, { ca: authority.cert });
      assert.ok(peer.socket instanceof TLSSocket);
      const { serialNumber } = peer.socket.getPeerCertificate();
      peer.destroy();
      return serialNumber;
    };
    const serial = ({ cert: pem }: Certificate): string => new X509Certificate(pem).serialNumber;
    assert.equal(await shown(), serial(first));
    install(second);
    command.kill('SIGHUP');
    await command.until('stderr', /certificates and keys read again/);
    assert.equal(await shown(), serial(second));
    copyFileSync(first.keyFile, key);
    command.kill('SIGHUP');
    await command.until(
      'stderr',
      /the old certificates and keys stay in use: .*is not the key of the certificate/,
    );
    assert.equal(await shown(), serial(second));
    command.kill('SIGTERM');
    assert.equal((await command.finished()).status, 0);
  });
});
