import { type Address, formatAddress } from '../relay/address.ts';
import { choice, path } from './choice.ts';
import { type Settings, setting, type Values } from './setting.ts';
import { type ListenerEntry, named, problemOf } from './naming.ts';

export const CLIENT_TLS_MODES = ['disable', 'allow', 'require', 'passthrough'] as const;
export const UPSTREAM_TLS_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export const NEGOTIATIONS = ['postgres', 'direct'] as const;

const GROUP = 'Encryption';

/** The settings of TLS on either leg, in the order of the help. */
export const TLS_SETTINGS = {
  'client-tls': setting('optional', {
    group: GROUP,
    placeholder: 'MODE',
    unit: 'name',
    describe:
      'TLS with clients over TCP: disable; allow; require; passthrough (client and server speak TLS with each other, ' +
      'and nothing of it can be read). Unless given: allow with --tls-cert, disable without',
    default: null,
    parse: choice(CLIENT_TLS_MODES),
  }),
  'tls-cert': setting('optional', {
    group: GROUP,
    placeholder: 'FILE',
    unit: 'file',
    describe:
      'Certificate shown to clients, PEM, with its chain; read again on SIGHUP, as are all of these files',
    default: null,
    parse: path,
  }),
  'tls-key': setting('optional', {
    group: GROUP,
    placeholder: 'FILE',
    unit: 'file',
    describe: 'Private key of --tls-cert, PEM, without a passphrase',
    default: null,
    parse: path,
  }),
  'tls-ca': setting('optional', {
    group: GROUP,
    placeholder: 'FILE',
    unit: 'file',
    describe:
      'Authorities, PEM: a client that speaks TLS must show a certificate which one of them has signed',
    default: null,
    parse: path,
  }),
  'upstream-tls': setting('value', {
    group: GROUP,
    placeholder: 'MODE',
    unit: 'name',
    describe:
      `TLS with PostgreSQL, as sslmode of libpq: ${UPSTREAM_TLS_MODES.join(', ')}; ` +
      'require with --upstream-ca is verify-ca',
    default: 'disable',
    parse: choice(UPSTREAM_TLS_MODES),
  }),
  'upstream-ca': setting('optional', {
    group: GROUP,
    placeholder: 'FILE',
    unit: 'file',
    describe:
      "Authorities, PEM, of PostgreSQL's certificate; for verify-full those that Node brings along unless given",
    default: null,
    parse: path,
  }),
  'upstream-cert': setting('optional', {
    group: GROUP,
    placeholder: 'FILE',
    unit: 'file',
    describe: 'Certificate shown to PostgreSQL, PEM',
    default: null,
    parse: path,
  }),
  'upstream-key': setting('optional', {
    group: GROUP,
    placeholder: 'FILE',
    unit: 'file',
    describe: 'Private key of --upstream-cert, PEM, without a passphrase',
    default: null,
    parse: path,
  }),
  'upstream-tls-negotiation': setting('value', {
    group: GROUP,
    placeholder: 'HOW',
    unit: 'name',
    describe:
      'How TLS with PostgreSQL begins: postgres (with an SSLRequest), direct (at once; PostgreSQL 17 and newer)',
    default: 'postgres',
    parse: choice(NEGOTIATIONS),
  }),
} as const satisfies Settings;

export type TlsSettings = Values<typeof TLS_SETTINGS>;

/** What `--client-tls` is in effect. */
export function clientTlsMode(settings: TlsSettings): (typeof CLIENT_TLS_MODES)[number] {
  return settings['client-tls'] ?? (settings['tls-cert'] === null ? 'disable' : 'allow');
}

/** TLS of one listener, and what it depends on. */
type Checked = TlsSettings & { readonly upstream: Address; readonly entry: ListenerEntry | null };

/**
 * Refuses what contradicts itself, or would silently do less than was asked for.
 *
 * @throws {UsageError} naming the way out
 */
export function checkTlsSettings(settings: Checked): void {
  const problem =
    pairProblem(settings, 'tls-cert', 'tls-key') ??
    pairProblem(settings, 'upstream-cert', 'upstream-key') ??
    clientProblem(settings) ??
    upstreamProblem(settings);
  if (problem !== null) throw problemOf(settings.entry, problem);
}

type File = 'tls-cert' | 'tls-key' | 'tls-ca' | 'upstream-ca' | 'upstream-cert' | 'upstream-key';

function pairProblem(settings: Checked, cert: File, key: File): string | null {
  const given = settings[cert] !== null;
  if (given === (settings[key] !== null)) return null;
  const [here, missing] = given ? [cert, key] : [key, cert];
  return `${named(settings.entry, here)} needs ${named(settings.entry, missing)}`;
}

function clientProblem(settings: Checked): string | null {
  const mode = clientTlsMode(settings);
  const name = (one: keyof TlsSettings): string => named(settings.entry, one);
  const hasCertificate = settings['tls-cert'] !== null;
  if ((mode === 'allow' || mode === 'require') && !hasCertificate)
    return `${name('client-tls')} ${mode} needs a certificate: add ${name('tls-cert')} FILE and ${name('tls-key')} FILE`;
  if (mode === 'disable' || mode === 'passthrough') {
    const unused = hasCertificate ? 'tls-cert' : settings['tls-ca'] === null ? null : 'tls-ca';
    if (unused !== null) {
      const because =
        mode === 'disable' ? 'without TLS with clients' : `with ${name('client-tls')} passthrough`;
      return `${name(unused)} has no use ${because}; leave it out, or choose ${name('client-tls')} allow or require`;
    }
  }
  if (mode === 'passthrough' && settings['upstream-tls'] !== 'disable')
    return `${name('client-tls')} passthrough leaves TLS to client and server; leave ${name('upstream-tls')} out`;
  return null;
}

function upstreamProblem(settings: Checked): string | null {
  const mode = settings['upstream-tls'];
  const { upstream } = settings;
  const name = (one: 'upstream' | keyof TlsSettings): string => named(settings.entry, one);
  const unused = (['upstream-ca', 'upstream-cert'] as const).find((file) => settings[file] !== null);
  if (mode === 'disable' && unused !== undefined)
    return `${name(unused)} has no use without TLS; add ${name('upstream-tls')} verify-full, or leave it out`;
  if (settings['upstream-tls-negotiation'] === 'direct' && (mode === 'disable' || mode === 'prefer'))
    return `${name('upstream-tls-negotiation')} direct leaves no way back to the clear; add ${name('upstream-tls')} require, verify-ca or verify-full`;
  if (mode === 'verify-ca' && settings['upstream-ca'] === null)
    return `${name('upstream-tls')} verify-ca needs ${name('upstream-ca')} FILE: with public authorities anybody passes; or use verify-full`;
  if ('path' in upstream && mode !== 'disable' && mode !== 'prefer')
    return `${name('upstream-tls')} ${mode}: PostgreSQL has no TLS on the socket ${formatAddress(upstream)}; leave it out, or give ${name('upstream')} as host:port`;
  return null;
}
