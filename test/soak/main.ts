// Runs large and long things through a proxy in a process of its own: `npm run soak [-- SCENARIO …]`. Takes some
// minutes; prints a line of figures for each scenario.
import { startPostgres } from '../../src/embedded/postgres.ts';
import { MeasuredProxy } from './measured_proxy.ts';
import { SCENARIOS } from './scenarios.ts';

const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (SCENARIOS[name] !== undefined) continue;
  process.stderr.write(`no scenario ${name}; there are ${Object.keys(SCENARIOS).join(', ')}\n`);
  process.exit(2);
}

const server = await startPostgres({ settings: { max_connections: '1100' } });
try {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const proxy = await MeasuredProxy.start(server);
    try {
      process.stdout.write(`${name}: ${(await scenario(proxy)).text}\n`);
    } catch (error) {
      process.exitCode = 1;
      process.stdout.write(`${name}: FAILED: ${error instanceof Error ? error.message : String(error)}\n`);
    } finally {
      proxy.stop();
    }
  }
} finally {
  await server.stop('immediate');
}
