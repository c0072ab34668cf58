import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { root } from './dockerfile.ts';

/** The long flags that `pgnetflow proxy` knows, as its help lists them, without the dashes. */
export function proxyFlags(): Set<string> {
  const main = path.join(root, 'dist', 'src', 'cli', 'main.js');
  const help = execFileSync(process.execPath, [main, 'proxy', '--help'], { encoding: 'utf8' });
  return new Set([...help.matchAll(/--([a-z][a-z-]*)/g)].map((match) => match[1] ?? ''));
}

/** The flag whose environment twin a variable is: `PGNETFLOW_REPORT_FILE` is that of `report-file`. */
export function flagOfVariable(name: string): string {
  return name
    .replace(/^PGNETFLOW_/, '')
    .toLowerCase()
    .replaceAll('_', '-');
}
