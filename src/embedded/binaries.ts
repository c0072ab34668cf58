import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { copyFor } from './copy.ts';
import type { ServerDirectory } from './directory.ts';
import { EmbeddedPostgresError } from './error.ts';
import { type Identity, serverEnvironment } from './identity.ts';
import { linkLibraries } from './libraries.ts';
import { platformPackage } from './platform.ts';

/** PostgreSQL's programs, which the server's user can run: `bin` holds initdb and postgres. */
export interface Binaries {
  readonly bin: string;
  /** As `postgres --version` has it: `18.4`. */
  readonly version: string;
}

/**
 * Finds programs that run: those of `binDir`, or else those of the npm package; there, first as it is, then with its
 * library links made, then as a copy in the server's own directory. The copy is for a package that the server's user
 * cannot reach (root's project in a directory of mode 0700) or that we cannot complete (a read-only file system).
 *
 * Throws EmbeddedPostgresError `POSTGRES_NOT_INSTALLED` or `POSTGRES_NOT_RUNNABLE`.
 */
export async function findBinaries(
  binDir: string | undefined,
  directory: ServerDirectory,
): Promise<Binaries> {
  const { identity } = directory;
  if (binDir !== undefined) return check(binDir, identity);

  const installed = platformPackage();
  const bin = path.join(installed, 'native', 'bin');
  try {
    return await check(bin, identity);
  } catch {
    await linkLibraries(installed);
  }
  try {
    return await check(bin, identity);
  } catch {
    const copy = path.join(directory.path, 'package');
    await copyFor(identity, installed, copy);
    await linkLibraries(copy);
    return check(path.join(copy, 'native', 'bin'), identity);
  }
}

/** Running it is the only sure test: paths, permissions, libraries and architecture all at once. */
async function check(bin: string, identity: Identity): Promise<Binaries> {
  const program = path.join(bin, 'postgres');
  try {
    const options = { ...identity, cwd: '/', env: serverEnvironment() };
    const { stdout } = await promisify(execFile)(program, ['--version'], options);
    return { bin, version: /\(PostgreSQL\) (\S+)/.exec(stdout)?.[1] ?? stdout.trim() };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim() : String(cause);
    const message = `${program} does not run here: ${reason}`;
    throw new EmbeddedPostgresError('POSTGRES_NOT_RUNNABLE', message, { cause });
  }
}
