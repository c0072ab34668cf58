import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { findProgram } from './programs.ts';

/** A certificate and its key, PEM, for all who speak TLS here; both go with the benchmark's directory. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** @returns null where there is no openssl to make one */
export function makeCertificate(directory: string): CertificateFiles | null {
  const openssl = findProgram('openssl');
  if (openssl === null) return null;
  const [certFile, keyFile] = [path.join(directory, 'bench.crt'), path.join(directory, 'bench.key')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync(openssl, ['req', '-x509', ...key, '-out', certFile, '-days', '2', ...subject], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // PgBouncer reads it as another user; it protects nothing.
  chmodSync(keyFile, 0o644);
  return { certFile, keyFile };
}
