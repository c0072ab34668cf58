import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findClient, pickTcpInfo } from '../../../src/backend/diagnose/client_socket.ts';
import { absent, known } from '../../../src/backend/diagnose/fact.ts';
import { parseProcessTitle } from '../../../src/backend/diagnose/process_title.ts';

const of = (client: string) => parseProcessTitle(`postgres: alice shop ${client} idle`);
const local = { address: '10.0.0.1', port: 5432 };
const peer = { address: '10.0.0.7', port: 5099 };
const descriptors = known([
  {
    fd: 3,
    kind: 'socket',
    inode: 1,
    socket: { family: 'tcp', local: { ...local, port: 7 }, peer: local, state: 'ESTABLISHED' },
  },
  { fd: 8, kind: 'socket', inode: 2, socket: { family: 'tcp', local, peer, state: 'ESTABLISHED' } },
] as const);
const nothing = absent('not permitted');

describe("a backend's connection to its client", () => {
  it('is the one among its sockets that its title names, even by a host name', () => {
    for (const host of ['10.0.0.7', 'web-1.example']) {
      const found = findClient(of(`${host}(5099)`), descriptors);
      assert.deepEqual(found.known && [found.value?.local, found.value?.peer], [local, peer]);
    }
  });

  it('is known by the title alone, but for the end of the server', () => {
    assert.deepEqual(findClient(of('10.0.0.7(5099)'), nothing), known({ peer, local: null }));
  });

  it('is not known by a host name alone', () => {
    const found = findClient(of('web-1.example(5099)'), nothing);
    assert.match(found.known ? '' : found.why, /web-1\.example/);
  });

  it('is none over a Unix-domain socket, and for a process of the server', () => {
    assert.deepEqual(findClient(of('[local]'), descriptors), known(null));
    assert.deepEqual(findClient(parseProcessTitle('postgres: checkpointer'), descriptors), known(null));
  });

  const line = (from: string): string => `ESTAB 0 23 ${from} 10.0.0.7:5099 bytes_acked:7`;

  it('is told apart from those of the same client port to other servers', () => {
    const output = `${line('10.0.0.1:5433')}\n${line('10.0.0.1:5432')}\n`;
    const found = pickTcpInfo(output, { peer, local });
    assert.equal(found.known && found.value.local.port, 5432);
    const unsure = pickTcpInfo(output, { peer, local: null });
    assert.match(unsure.known ? '' : unsure.why, /several connections/);
    assert.ok(pickTcpInfo(line('10.0.0.1:5432'), { peer, local: null }).known);
  });

  it('is absent when ss does not show it', () => {
    const found = pickTcpInfo('', { peer, local });
    assert.match(found.known ? '' : found.why, /another network namespace/);
  });
});
