import type { Endpoint } from '../model.ts';

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
  /** Its configuration: files of its directory by name. */
  files?(listen: Endpoint, upstream: Endpoint): Readonly<Record<string, string>>;
  /** @param directory absolute path of the directory that holds its files */
  args(listen: Endpoint, upstream: Endpoint, directory: string): readonly string[];
}

export function format({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}
