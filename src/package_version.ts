import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

// Looked up when this module is loaded, and once: a package that is replaced while it runs is still the one that runs.
const FOLDER = findFolder();
const VERSION = readVersion();

/** The folder of this package: where the package.json above this file is. */
export function packageFolder(): string {
  return FOLDER;
}

/** The version of this package that runs. */
export function packageVersion(): string {
  return VERSION;
}

function findFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, 'package.json'))) {
    const above = path.dirname(folder);
    if (above === folder)
      throw new Error(
        `pgnetflow is not installed whole: there is no package.json above ${import.meta.dirname}; install it anew`,
      );
    folder = above;
  }
  return folder;
}

function readVersion(): string {
  const description: unknown = JSON.parse(readFileSync(path.join(FOLDER, 'package.json'), 'utf8'));
  return typeof description === 'object' && description !== null && 'version' in description
    ? String(description.version)
    : 'unknown';
}
