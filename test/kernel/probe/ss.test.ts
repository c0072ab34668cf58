import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { pino } from 'pino';
import { ssArguments } from '../../../src/kernel/probe/ss.ts';
import { parseSs } from '../../../src/kernel/probe/ss_output.ts';
import { ProbeSocket } from '../../../src/kernel/probe_socket.ts';
import { runCommand } from '../../support/command.ts';
import { socketPath } from '../../support/peers.ts';
import { temporaryDirectory } from '../../support/programs.ts';
import { linesOf, methodMissing, startProbe, stopProbe } from '../../support/probing.ts';

const NOBODY = 65_534;

async function listening(): Promise<{ port: number; server: ReturnType<typeof createServer> }> {
  const server = createServer().listen(0, '127.0.0.1');
  after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { port: address.port, server };
}

describe('ss', { skip: methodMissing('ss') }, () => {
  it('shows totals that equal what the application moved, as an ordinary user', async () => {
    const { port, server } = await listening();
    const accepted = once(server, 'connection');
    const client = connect(port, '127.0.0.1');
    const [socket] = await accepted;
    after(() => [client, socket].forEach((one) => one.destroy()));
    client.write(Buffer.alloc(1009));
    await once(socket, 'data');
    socket.write(Buffer.alloc(100_003));
    for (let read = 0; read < 100_003;) {
      const [chunk]: Buffer[] = await once(client, 'data');
      read += chunk!.length;
    }

    const filter = { proxyPort: null, serverPort: port, pid: null };
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const { stdout, status } = spawnSync('ss', ssArguments(filter), { encoding: 'utf8', ...user });
    assert.equal(status, 0);
    const sockets = parseSs(stdout);
    const ofClient = sockets.find(({ localPort }) => localPort === client.localPort);
    const ofServer = sockets.find(({ localPort }) => localPort === port);
    assert.deepEqual([ofClient?.sent, ofClient?.received], [1009, 100_003]);
    assert.deepEqual([ofServer?.sent, ofServer?.received], [100_003, 1009]);

    const probe = await startProbe('--method', 'ss', '--server-port', String(port), '--interval', '0.01');
    client.write(Buffer.alloc(23));
    await probe.until('stdout', /"totals".*"sent":1032/);
    client.destroy();
    socket.destroy();
    await probe.until('stdout', /"close"/);
    const lines = await stopProbe(probe);
    assert.equal(lines[0]?.method, 'ss');
    const open = lines.find(({ type, remote }) => type === 'open' && remote === `127.0.0.1:${port}`);
    assert.deepEqual([open?.sent, open?.received, 'pid' in open!], [1009, 100_003, false]);
    assert.ok(
      lines.every(({ type }) => type !== 'run'),
      'operations are not known',
    );
  });

  it('knows the process when it is asked for one', async () => {
    const { port, server } = await listening();
    const accepted = once(server, 'connection');
    const client = connect(port, '127.0.0.1');
    const [socket] = await accepted;
    after(() => [client, socket].forEach((one) => one.destroy()));
    const probe = await startProbe('--method', 'ss', '--pid', String(process.pid));
    const lines = await stopProbe(probe);
    const own = lines.find(({ type, remote }) => type === 'open' && remote === `127.0.0.1:${port}`);
    assert.deepEqual([own?.pid, own?.comm?.length !== 0], [process.pid, true]);
  });

  it('does not wait for the sockets of a process that does not exist', async () => {
    const { pid } = spawnSync('true');
    const { status, stdout, stderr } = await runCommand(['probe', '--method', 'ss', '--pid', String(pid)]);
    assert.deepEqual([status, stdout], [1, '']);
    assert.equal(stderr, `pgnetflow: --pid: there is no process ${pid}\n`);
  });

  it('ends by itself after --duration', async () => {
    const probe = await startProbe('--method', 'ss', '--pid', String(process.pid), '--duration', '0.05');
    const { status, stdout } = await probe.finished();
    assert.equal(status, 0);
    assert.equal(linesOf(stdout).at(-1)?.reason, 'duration');
  });

  it('ends well when the proxy goes', async () => {
    const file = path.join(temporaryDirectory(), 'probe');
    const server = createServer((socket) => {
      socket.on('data', (chunk) => chunk.includes('"attach"') && socket.destroy());
    }).listen(file);
    after(() => server.close());
    await once(server, 'listening');
    const probe = await startProbe('--method', 'ss', '--pid', String(process.pid), '--to', file);
    const { status, stderr } = await probe.finished();
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^pgnetflow probe: The proxy has gone/m);
  });

  it('ends soon when the reader of its pipe has gone, though there is nothing to tell', async () => {
    const { port } = await listening();
    const main = path.join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.js');
    const args = `probe --method ss --server-port ${port}`;
    // The status of the probe itself comes behind the line that head has let through.
    const script = `{ "${process.execPath}" "${main}" ${args}; echo "status $?" >&2; } | head -n 1`;
    const { stdout, stderr } = spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8', timeout: 20_000 });
    assert.equal(linesOf(stdout)[0]?.type, 'attach');
    assert.match(stderr, /^status 0$/m);
  });

  it('says in a pipe that it is alive, and in a file nothing but what it has seen', async () => {
    const { port } = await listening();
    const probe = await startProbe('--method', 'ss', '--server-port', String(port));
    await probe.until('stdout', /"tick"/);
    const lines = await stopProbe(probe);
    assert.deepEqual([...new Set(lines.map(({ type }) => type))], ['attach', 'tick', 'detach']);
    const file = path.join(temporaryDirectory(), 'records');
    const main = path.join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.js');
    const script = `exec "${process.execPath}" "${main}" probe --method ss --server-port ${port} --duration 1.5 > "${file}"`;
    assert.equal(spawnSync('/bin/sh', ['-c', script], { timeout: 20_000 }).status, 0);
    assert.deepEqual(
      linesOf(readFileSync(file, 'utf8')).map(({ type }) => type),
      ['attach', 'detach'],
    );
  });

  it('says why the proxy refuses it, in one line, and fails', async () => {
    const file = socketPath();
    const log = pino({ level: 'silent' });
    const proxy = await ProbeSocket.open({ path: file, sessions: async () => [], log });
    after(() => proxy.close());
    const args = ['--method', 'ss', '--pid', String(process.pid), '--to', file];
    const first = await startProbe(...args);
    const { status, stderr } = await runCommand(['probe', ...args]);
    assert.equal(status, 1);
    assert.match(stderr, /^pgnetflow: the proxy refuses this helper: another helper is attached [^\n]+\n$/m);
    // The first one is not disturbed.
    first.kill('SIGINT');
    assert.equal((await first.finished()).status, 0);
  });

  it('takes no line of its own from the reason', async () => {
    const file = socketPath();
    const refusal = `${JSON.stringify({ type: 'refused', reason: 'no\nforged' })}\n`;
    const server = createServer((socket) => socket.resume().end(refusal)).listen(file);
    after(() => server.close());
    await once(server, 'listening');
    const { status, stderr } = await runCommand([
      'probe',
      '--method',
      'ss',
      '--pid',
      String(process.pid),
      '--to',
      file,
    ]);
    assert.equal(status, 1);
    assert.match(stderr, /^pgnetflow: the proxy refuses this helper: no\\nforged$/m);
  });

  for (const [what, file, message] of [
    [
      'there is no socket',
      path.join(import.meta.dirname, 'probe.sock'),
      /there is no \S+\/probe\.sock: start the proxy with --probe-socket/,
    ],
    [
      'there is no directory for it',
      '/nonexistent/probe',
      /there is no directory \/nonexistent: give --to the path of the proxy's --probe-socket/,
    ],
    ['it is a file', import.meta.filename, /is no socket|nobody listens/],
  ] as const) {
    it(`says what is wrong with --to when ${what}`, async () => {
      const { status, stderr } = await runCommand(['probe', '--method', 'ss', '--pid', '1', '--to', file]);
      assert.equal(status, 1);
      assert.match(stderr, message);
    });
  }
});

describe('the settings of the probe', () => {
  for (const [args, message] of [
    [[], /nothing to count; give --proxy-port, --server-port or --pid/],
    [['--server-port', '0'], /--server-port: "0" is no whole number from 1 to 65535/],
    [['--pid', '1', '--method', 'bpftrac'], /did you mean bpftrace\?/],
  ] as const) {
    it(`are refused: ${args.join(' ') || 'none'}`, async () => {
      const { status, stderr } = await runCommand(['probe', ...args]);
      assert.equal(status, 2);
      assert.match(stderr, message);
    });
  }
});
