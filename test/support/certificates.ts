// Certificates made with openssl for the tests of one file, in a directory that goes when it ends.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { tlsContext } from '../../src/relay/tls_context.ts';

/** A certificate and its key, as files and as texts. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** An authority of our own. */
export class Authority {
  readonly certFile: string;
  readonly cert: string;
  readonly #directory: string;
  readonly #keyFile: string;
  #certificates = 0;

  constructor(name: string) {
    this.#directory = mkdtempSync(path.join(tmpdir(), 'pgn-ca-'));
    after(() => rmSync(this.#directory, { recursive: true, force: true }));
    this.certFile = path.join(this.#directory, 'ca.crt');
    this.#keyFile = path.join(this.#directory, 'ca.key');
    openssl(
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      this.#keyFile,
      '-out',
      this.certFile,
      '-subj',
      `/CN=${name}`,
    );
    this.cert = readFileSync(this.certFile, 'utf8');
  }

  /** @param names such as `DNS:db.example`, `IP:127.0.0.1`; none for a client */
  issue(commonName: string, names: readonly string[] = []): Certificate {
    this.#certificates += 1;
    const file = (ending: string): string => path.join(this.#directory, `${this.#certificates}.${ending}`);
    const [keyFile, certFile, request, extensions] = [file('key'), file('crt'), file('csr'), file('ext')];
    openssl('req', '-new', ...NEW_KEY, '-keyout', keyFile, '-out', request, '-subj', `/CN=${commonName}`);
    writeFileSync(extensions, names.length === 0 ? '' : `subjectAltName=${names.join(',')}\n`);
    const signed = ['-CA', this.certFile, '-CAkey', this.#keyFile, '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', request, '-out', certFile, ...signed, '-extfile', extensions);
    return {
      certFile,
      keyFile,
      cert: readFileSync(certFile, 'utf8'),
      key: readFileSync(keyFile, 'utf8'),
    };
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export function openssl(...args: readonly string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A context that holds still. */
export function contextOf(
  certificate: Certificate | null,
  authority: Authority | null = null,
): { readonly current: ReturnType<typeof tlsContext> } {
  return {
    current: tlsContext({
      ...(certificate !== null && { cert: certificate.cert, key: certificate.key }),
      ...(authority !== null && { ca: authority.cert }),
    }),
  };
}
