import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { SecureContext } from 'node:tls';
import type { Logger } from 'pino';
import type { ClientTls } from '../relay/client_tls.ts';
import { describeTlsError, tlsContext } from '../relay/tls_context.ts';
import type { UpstreamTls } from '../relay/upstream_tls.ts';
import { clientTlsMode, type TlsSettings } from '../settings/tls_settings.ts';
import { UsageError } from '../settings/usage_error.ts';
import { describeError } from './describe_error.ts';

/** The flags of one leg's files. */
interface FileFlags {
  readonly cert: 'tls-cert' | 'upstream-cert';
  readonly key: 'tls-key' | 'upstream-key';
  readonly ca: 'tls-ca' | 'upstream-ca';
}

/**
 * TLS on both legs, made from the files that the settings name.
 */
export class TlsFiles {
  readonly client: ClientTls | 'passthrough' | null;
  readonly upstream: UpstreamTls | null;
  readonly #reloads: (() => void)[] = [];

  /** @throws {UsageError} when a file cannot be used */
  constructor(settings: TlsSettings) {
    this.client = this.#clientTls(settings);
    this.upstream = this.#upstreamTls(settings);
  }

  /** There is something to read again. */
  get any(): boolean {
    return this.#reloads.length > 0;
  }

  /** Reads the files again, for connections to come. What cannot be used leaves the old in place. */
  reload(log: Logger): void {
    for (const reload of this.#reloads) {
      try {
        reload();
        log.info('TLS: certificates and keys read again');
      } catch (error) {
        log.error(`TLS: the old certificates and keys stay in use: ${describeError(error)}`);
      }
    }
  }

  #clientTls(settings: TlsSettings): ClientTls | 'passthrough' | null {
    const mode = clientTlsMode(settings);
    if (mode === 'disable') return null;
    if (mode === 'passthrough') return mode;
    const context = this.#context(settings, { cert: 'tls-cert', key: 'tls-key', ca: 'tls-ca' });
    return { mode, context, verifyClients: settings['tls-ca'] !== null };
  }

  #upstreamTls(settings: TlsSettings): UpstreamTls | null {
    const mode = settings['upstream-tls'];
    if (mode === 'disable') return null;
    const flags = { cert: 'upstream-cert', key: 'upstream-key', ca: 'upstream-ca' } as const;
    return {
      mode,
      negotiation: settings['upstream-tls-negotiation'],
      verifyAuthority: mode !== 'prefer' && (mode !== 'require' || settings['upstream-ca'] !== null),
      context: this.#context(settings, flags),
    };
  }

  #context(settings: TlsSettings, flags: FileFlags): { current: SecureContext } {
    const context = { current: readContext(settings, flags) };
    if ([flags.cert, flags.ca].some((flag) => settings[flag] !== null)) {
      this.#reloads.push(() => {
        context.current = readContext(settings, flags);
      });
    }
    return context;
  }
}

/** @throws {UsageError} naming the flag and the file */
function readContext(settings: TlsSettings, flags: FileFlags): SecureContext {
  const cert = checked(settings, flags.cert, (pem) => new X509Certificate(pem), 'a PEM certificate');
  const key = checked(settings, flags.key, (pem) => createPrivateKey(pem), 'a PEM private key');
  const ca = checked(settings, flags.ca, (pem) => new X509Certificate(pem), 'a PEM certificate');
  try {
    return tlsContext({
      ...(cert !== null && { cert }),
      ...(key !== null && { key }),
      ...(ca !== null && { ca }),
    });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (Reflect.get(error, 'code') === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH')
      throw new UsageError(
        `--${flags.key}: ${settings[flags.key]} is not the key of the certificate in --${flags.cert} ${settings[flags.cert]}`,
      );
    throw new UsageError(`--${flags.cert}, --${flags.key}, --${flags.ca}: ${describeTlsError(error)}`);
  }
}

function checked(
  settings: TlsSettings,
  flag: FileFlags[keyof FileFlags],
  parse: (pem: Buffer) => unknown,
  what: string,
): Buffer | null {
  const file = settings[flag];
  if (file === null) return null;
  let pem: Buffer;
  try {
    pem = readFileSync(file);
  } catch (error) {
    throw new UsageError(`--${flag}: ${describeError(error)}`);
  }
  try {
    parse(pem);
  } catch (error) {
    if (/passphrase|interrupted or cancelled/i.test(describeError(error)))
      throw new UsageError(
        `--${flag}: ${file} is protected by a passphrase; give a key without one (openssl pkey -in ${file})`,
      );
    throw new UsageError(`--${flag}: ${file} does not begin with ${what}`);
  }
  return pem;
}
