import assert from 'node:assert/strict';
import net from 'node:net';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { Client, type ClientConfig } from 'pg';
import { type PostgresServer, startPostgres } from '../../src/embedded/postgres.ts';
import { freePort } from '../../src/embedded/port.ts';
import { leftovers, scratchDirectory } from './scratch.ts';

const scratch = scratchDirectory();
process.env['TMPDIR'] = scratch;

/** The first column of the first row. */
async function ask(server: PostgresServer, question: string, config: ClientConfig = {}): Promise<unknown> {
  const { host, port, user, database } = server;
  const client = new Client({ host, port, user, database, ...config });
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: question, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

test('a server answers over TCP and over its Unix-domain socket, and stop leaves nothing', async () => {
  const server = await startPostgres();
  assert.equal(await ask(server, 'select 1'), 1);
  assert.equal(await ask(server, 'select 2', { host: server.socketDirectory }), 2);
  assert.equal(await ask(server, 'show server_version'), server.version);
  assert.equal(await ask(server, 'show data_directory'), server.dataDirectory);
  assert.match(await server.log(), /database system is ready to accept connections/);

  await server.stop();
  assert.deepEqual(await leftovers(scratch), []);
  assert.throws(() => process.kill(server.pid, 0), { code: 'ESRCH' });
  await server.stop('immediate'); // once more does no harm
});

test('several servers run side by side in one process', async () => {
  const servers = await Promise.all([startPostgres(), startPostgres(), startPostgres()]);
  assert.equal(new Set(servers.map(({ port }) => port)).size, 3);
  for (const server of servers) assert.equal(await ask(server, 'show port'), String(server.port));
  await Promise.all(servers.map((server) => server.stop('immediate')));
  assert.deepEqual(await leftovers(scratch), []);
});

test('a fast stop ends a session that is busy', async () => {
  const server = await startPostgres();
  const client = new Client({ host: server.host, port: server.port, user: server.user });
  await client.connect();
  client.on('error', () => undefined); // the connection ends under it
  const sleeping = assert.rejects(client.query('select pg_sleep(1000)'), { code: '57P01' });
  await server.stop('fast');
  await sleeping;
});

test('settings, pg_hba.conf and further files are those of the options', async () => {
  const server = await startPostgres({
    settings: { 'pgnetflow.odd': `it's a \\ value`, max_connections: '23' },
    hba: 'local all all trust\nhost all nobody all trust\n',
    files: { 'server.key': 'a secret' },
  });
  after(() => server.stop('immediate'));
  const overSocket = { host: server.socketDirectory };
  assert.equal(await ask(server, 'show pgnetflow.odd', overSocket), `it's a \\ value`);
  assert.equal(await ask(server, 'show max_connections', overSocket), '23');
  assert.equal(await ask(server, `select pg_read_file('server.key')`, overSocket), 'a secret');
  await assert.rejects(ask(server, 'select 1'), /no pg_hba.conf entry/);
  await server.stop();
});

test('a port that somebody took in the meantime is replaced by the next one', async () => {
  const other = net.createServer().listen(0, '127.0.0.1');
  after(() => other.close());
  await once(other, 'listening');
  const address = other.address();
  assert.ok(address !== null && typeof address === 'object');
  const { port } = address;
  const proposals = [port, await freePort()];

  const server = await startPostgres({}, async () => proposals.shift() ?? freePort());
  assert.notEqual(server.port, port);
  assert.equal(await ask(server, 'select 1'), 1);
  await server.stop();

  // A port that was asked for is not replaced.
  await assert.rejects(startPostgres({ port }), {
    code: 'POSTGRES_PORT_TAKEN',
    message: new RegExp(`port ${port}`),
  });
  assert.deepEqual(await leftovers(scratch), []);
});

test('a server that does not start is an error with the end of its log', async () => {
  await assert.rejects(startPostgres({ settings: { shared_buffers: 'plenty' } }), {
    code: 'POSTGRES_START_FAILED',
    message: /invalid value for parameter "shared_buffers": "plenty"/,
  });
  assert.deepEqual(await leftovers(scratch), []);
});

test('stop cleans up after a server that has ended by itself', async () => {
  const server = await startPostgres();
  process.kill(server.pid, 'SIGQUIT');
  await server.stop();
  assert.deepEqual(await leftovers(scratch), []);
});
