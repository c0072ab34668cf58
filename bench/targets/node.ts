import { fileURLToPath } from 'node:url';
import { format, type Relay, type RelayPlan, type TlsLegs } from './target.ts';

/**
 * pgnetflow as it comes, as the bare relay, and with TLS on either leg.
 *
 * @param profile directory for CPU profiles, written when it ends
 */
export function pgnetflow(profile: string | null): readonly Relay[] {
  return [
    variant(profile, 'pgnetflow', '`pgnetflow proxy` as it comes, no report', null, []),
    variant(profile, 'pgnetflow-off', 'the bare relay, `--accounting off`', null, ['--accounting', 'off']),
    variant(profile, 'pgnetflow-tls', 'TLS on both legs', { client: true, server: true }, []),
    variant(profile, 'pgnetflow-tls-client', 'TLS with clients', { client: true, server: false }, []),
    variant(profile, 'pgnetflow-tls-server', 'TLS with the server', { client: false, server: true }, []),
  ];
}

function variant(
  profile: string | null,
  name: string,
  about: string,
  tls: TlsLegs | null,
  settings: readonly string[],
): Relay {
  const flags = profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  return {
    name,
    about,
    program: null,
    ...(tls !== null && { tls }),
    args: ({ listen, upstream, certificate }) => {
      const command = [entry('../../src/cli/main.js'), 'proxy', '--report', 'none', ...settings];
      const ways = ['--listen', format(listen), '--upstream', format(upstream)];
      return [...flags, ...command, ...ways, ...(tls === null ? [] : tlsFlags(tls, certificate))];
    },
  };
}

function tlsFlags(tls: TlsLegs, certificate: RelayPlan['certificate']): string[] {
  const client =
    tls.client && certificate !== null
      ? ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile]
      : [];
  return [...client, ...(tls.server ? ['--upstream-tls', 'require'] : [])];
}

/** The least that a relay in Node can do: it keeps no books at all. */
export const socketPipe: Relay = {
  name: 'socket-pipe',
  about: 'a plain Node relay of two socket.pipe()',
  program: null,
  args: ({ listen, upstream }) => [entry('../pipe_process.js'), format(listen), format(upstream)],
};

function entry(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}
