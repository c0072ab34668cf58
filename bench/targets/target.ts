import type { CertificateFiles } from '../certificate.ts';
import type { Endpoint } from '../model.ts';

/** The legs on which a relay speaks TLS. */
export interface TlsLegs {
  readonly client: boolean;
  readonly server: boolean;
}

/** A way to PostgreSQL that runs as a process of its own. */
export interface Relay {
  readonly name: string;
  /** What it is and how it is set up, for the head of the report. */
  readonly about: string;
  /** Program to look for on this machine; null for Node itself. */
  readonly program: string | null;
  /** Debian's package that has the program. */
  readonly debianPackage?: string;
  readonly versionFlag?: string;
  /** It refuses to run as root: root starts it as `nobody`. */
  readonly refusesRoot?: boolean;
  /** None unless given: then it takes part in the workloads over TLS, and in no other. */
  readonly tls?: TlsLegs;
  /** Its configuration: files of its directory by name. */
  files?(plan: RelayPlan): Readonly<Record<string, string>>;
  args(plan: RelayPlan): readonly string[];
}

/** What a relay is to be set up with. */
export interface RelayPlan {
  readonly listen: Endpoint;
  readonly upstream: Endpoint;
  /** Absolute path of the directory that holds its files. */
  readonly directory: string;
  /** For its TLS; null without. */
  readonly certificate: CertificateFiles | null;
}

export function format({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}
