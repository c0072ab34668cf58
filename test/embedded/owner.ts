// A program that owns a server, for tests that end it: starts one, prints it as a line of JSON, and then does what its
// argument says.
import { startPostgres } from '../../src/embedded/postgres.ts';

const server = await startPostgres();
process.stdout.write(`${JSON.stringify(server)}\n`);

switch (process.argv[2]) {
  case 'wait':
    setInterval(() => undefined, 1_000_000);
    break;
  case 'exit':
    process.exit(7);
    break;
  case 'throw':
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
    break;
  case undefined:
  default: // nothing more to do
}
