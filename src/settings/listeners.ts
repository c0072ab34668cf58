import { type Address, formatAddress } from '../relay/address.ts';
import type { ConfigFile } from './config_file.ts';
import { LISTENER_SETTINGS, type ListenerSettings } from './listener_settings.ts';
import { findWritten, resolveSettings, type Sources } from './resolve.ts';
import { checkTlsSettings } from './tls_settings.ts';
import { UsageError } from './usage_error.ts';

type Name = keyof typeof LISTENER_SETTINGS;

const CLIENT_FILES = ['tls-cert', 'tls-key', 'tls-ca'] as const satisfies readonly Name[];
const UPSTREAM_HOW = [
  'upstream-ca',
  'upstream-cert',
  'upstream-key',
  'upstream-tls-negotiation',
] as const satisfies readonly Name[];

/** What an entry that writes this setting (with that value) does not take from the top level: it would not fit. */
const DISOWNS: readonly { readonly setting: Name; readonly value?: string; readonly not: readonly Name[] }[] =
  [
    { setting: 'tls-cert', not: ['tls-key'] },
    { setting: 'tls-key', not: ['tls-cert'] },
    { setting: 'upstream-cert', not: ['upstream-key'] },
    { setting: 'upstream-key', not: ['upstream-cert'] },
    { setting: 'client-tls', value: 'disable', not: CLIENT_FILES },
    { setting: 'client-tls', value: 'passthrough', not: [...CLIENT_FILES, 'upstream-tls', ...UPSTREAM_HOW] },
    { setting: 'upstream-tls', value: 'disable', not: UPSTREAM_HOW },
  ];

/**
 * The listeners: one for each entry of `listeners` in the configuration file, which takes from the top level (flags,
 * environment, file) what it leaves out; or the one that the top level tells.
 *
 * @throws {UsageError} naming what is wrong, and where
 */
export function readListeners(sources: Sources): ListenerSettings[] {
  const { config } = sources;
  const listeners =
    config === null || config.listeners === null
      ? [{ ...resolveSettings(LISTENER_SETTINGS, sources), entry: null }]
      : fromEntries(config, config.listeners, sources);
  for (const listener of listeners) {
    checkTlsSettings(listener);
    checkUpstream(listener, listeners);
  }
  return listeners;
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);
const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** A proxy before itself would connect to itself until it has no connection left. */
function checkUpstream({ upstream, entry }: ListenerSettings, listeners: readonly ListenerSettings[]): void {
  const self = listeners.flatMap(({ listen }) => listen).find((address) => leadsTo(upstream, address));
  if (self === undefined) return;
  const place = entry === null ? '--upstream' : `${entry.file}: listeners[${entry.index}].upstream`;
  throw new UsageError(
    `${place}: ${formatAddress(upstream)} is where pgnetflow itself listens (${formatAddress(self)}); give the address of PostgreSQL`,
  );
}

function leadsTo(upstream: Address, listening: Address): boolean {
  if ('path' in upstream || 'path' in listening)
    return 'path' in upstream && 'path' in listening && upstream.path === listening.path;
  if (upstream.port !== listening.port) return false;
  const { host } = upstream;
  if (host === listening.host) return true;
  return LOOPBACK.has(host) && (LOOPBACK.has(listening.host) || EVERYWHERE.has(listening.host));
}

function fromEntries(
  { path: file }: ConfigFile,
  entries: NonNullable<ConfigFile['listeners']>,
  sources: Sources,
): ListenerSettings[] {
  const listeners = entries.map((values, index) => {
    const entry = { place: `${file}: listeners[${index}]`, values, disowned: disownedBy(values) };
    return { ...resolveSettings(LISTENER_SETTINGS, { ...sources, entry }), entry: { file, index } };
  });
  const idle = findWritten('listen', LISTENER_SETTINGS.listen, sources);
  if (idle !== null && entries.every((values) => values.has('listen')))
    throw new UsageError(
      `${idle.place}: would not be listened on, for each of the listeners in ${file} has a listen of its own; leave it out`,
    );
  checkAddresses(file, listeners);
  return listeners;
}

function disownedBy(values: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const applies = DISOWNS.filter(({ setting, value }) =>
    value === undefined ? values.has(setting) : values.get(setting)?.[0] === value,
  );
  return new Set(applies.flatMap(({ not }) => not));
}

/** The system would refuse the second one too, but could not say whose the first is. */
function checkAddresses(file: string, listeners: readonly ListenerSettings[]): void {
  const taken = new Map<string, number>();
  for (const [index, { listen }] of listeners.entries()) {
    for (const address of listen) {
      if ('port' in address && address.port === 0) continue;
      const name = formatAddress(address);
      const other = taken.get(name);
      if (other !== undefined)
        throw new UsageError(
          `${file}: listeners[${index}].listen: ${name} is taken by ${other === index ? 'the same entry' : `listeners[${other}]`} already`,
        );
      taken.set(name, index);
    }
  }
}
