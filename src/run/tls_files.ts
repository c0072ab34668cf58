import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { ClientTls } from '../relay/client_tls.ts';
import { describeTlsError, type TlsContext, tlsContext } from '../relay/tls_context.ts';
import type { UpstreamTls } from '../relay/upstream_tls.ts';
import type { ListenerSettings } from '../settings/listener_settings.ts';
import { named, problemOf } from '../settings/naming.ts';
import { clientTlsMode } from '../settings/tls_settings.ts';
import { unreadableFile } from '../settings/unreadable_file.ts';
import type { UsageError } from '../settings/usage_error.ts';
import { describeError } from './describe_error.ts';

/** The flags of one leg's files. */
interface FileFlags {
  readonly cert: 'tls-cert' | 'upstream-cert';
  readonly key: 'tls-key' | 'upstream-key';
  readonly ca: 'tls-ca' | 'upstream-ca';
}

/** TLS on both legs of the sessions of one listener, made from the files that its settings name. */
export class TlsFiles {
  readonly client: ClientTls | 'passthrough' | null;
  readonly upstream: UpstreamTls | null;
  readonly #reloads: (() => void)[] = [];
  /** What stands before a line of the log. */
  readonly #subject: string;

  /** @throws {UsageError} when a file cannot be used */
  constructor(settings: ListenerSettings) {
    const { entry } = settings;
    this.#subject = entry === null ? 'TLS' : `TLS of listeners[${entry.index}]`;
    this.client = this.#clientTls(settings);
    this.upstream = this.#upstreamTls(settings);
  }

  /** What clients are shown; null without a certificate of ours. */
  get certificate(): TlsContext | null {
    return this.client === null || this.client === 'passthrough' ? null : this.client.context;
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
        log.info(`${this.#subject}: certificates and keys read again`);
      } catch (error) {
        log.error(`${this.#subject}: the old certificates and keys stay in use: ${describeError(error)}`);
      }
    }
  }

  #clientTls(settings: ListenerSettings): ClientTls | 'passthrough' | null {
    const mode = clientTlsMode(settings);
    if (mode === 'disable') return null;
    if (mode === 'passthrough') return mode;
    const context = this.#context(settings, { cert: 'tls-cert', key: 'tls-key', ca: 'tls-ca' });
    return { mode, context, verifyClients: settings['tls-ca'] !== null };
  }

  #upstreamTls(settings: ListenerSettings): UpstreamTls | null {
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

  #context(settings: ListenerSettings, flags: FileFlags): TlsContext {
    const context = { ...readContext(settings, flags) };
    if ([flags.cert, flags.ca].some((flag) => settings[flag] !== null)) {
      this.#reloads.push(() => {
        Object.assign(context, readContext(settings, flags));
      });
    }
    return context;
  }
}

/** @throws {UsageError} naming the flag and the file */
function readContext(settings: ListenerSettings, flags: FileFlags): TlsContext {
  const cert = checked(settings, flags.cert, (pem) => new X509Certificate(pem), 'a PEM certificate');
  const key = checked(settings, flags.key, (pem) => createPrivateKey(pem), 'a PEM private key');
  const ca = checked(settings, flags.ca, (pem) => new X509Certificate(pem), 'a PEM certificate');
  try {
    const files = {
      ...(cert !== null && { cert }),
      ...(key !== null && { key }),
      ...(ca !== null && { ca }),
    };
    return { current: tlsContext(files), files };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { entry } = settings;
    const [certName, keyName, caName] = [
      named(entry, flags.cert),
      named(entry, flags.key),
      named(entry, flags.ca),
    ];
    if (Reflect.get(error, 'code') === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH')
      throw problemOf(
        entry,
        `${keyName}: ${settings[flags.key]} is not the key of the certificate in ${certName} ${settings[flags.cert]}`,
      );
    throw problemOf(entry, `${certName}, ${keyName}, ${caName}: ${describeTlsError(error)}`);
  }
}

function checked(
  settings: ListenerSettings,
  flag: FileFlags[keyof FileFlags],
  parse: (pem: Buffer) => unknown,
  what: string,
): Buffer | null {
  const file = settings[flag];
  if (file === null) return null;
  const problem = (message: string): UsageError =>
    problemOf(settings.entry, `${named(settings.entry, flag)}: ${message}`);
  let pem: Buffer;
  try {
    pem = readFileSync(file);
  } catch (error) {
    throw problem(`${file}: ${unreadableFile(error)}`);
  }
  try {
    parse(pem);
  } catch (error) {
    if (/passphrase|interrupted or cancelled/i.test(describeError(error)))
      throw problem(
        `${file} is protected by a passphrase; give a key without one (openssl pkey -in ${file})`,
      );
    throw problem(`${file} does not begin with ${what}`);
  }
  return pem;
}
