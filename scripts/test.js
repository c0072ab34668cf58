// Runs the built tests with node:test (`node scripts/test.js [name part …]` runs the files whose path contains
// one of the parts) and prints `N passed, N failed, N skipped` as the last line.
import { readdirSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..', 'dist', 'test');
const parts = process.argv.slice(2);
const files = readdirSync(root, { recursive: true })
  .filter(
    (name) => name.endsWith('.test.js') && (parts.length === 0 || parts.some((part) => name.includes(part))),
  )
  .map((name) => path.join(root, name))
  .toSorted();

if (files.length === 0) {
  process.stderr.write(`no test file in dist/test matches ${parts.join(' ')}\n`);
  process.exit(2);
}

const counts = { passed: 0, failed: 0, skipped: 0 };
const count = (outcome) => (event) => {
  if (event.details.type === 'suite') return;
  counts[event.skip === undefined && event.todo === undefined ? outcome : 'skipped'] += 1;
};

const stream = run({ files, concurrency: 2, timeout: 600_000 });
stream.on('test:pass', count('passed'));
stream.on('test:fail', count('failed'));
stream.compose(spec).pipe(process.stdout);
stream.on('end', () => {
  process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
  process.on('exit', () => {
    process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  });
});
