import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { parseSs } from '../../../src/kernel/probe/ss_output.ts';

const GOLDEN = path.join(import.meta.dirname, '..', '..', '..', '..', 'test', 'golden', 'probe');

/** One connection with these details, in this state. */
function one(details: string, { state = 'ESTAB', unread = 0 } = {}) {
  const [socket] = parseSs(`${state} ${unread} 0 127.0.0.1:5432 127.0.0.1:40000\n\t ${details}\n`);
  assert.ok(socket !== undefined);
  return socket;
}

describe('the output of ss', () => {
  it('of iproute2 6.1 is read as it was recorded', () => {
    const sockets = parseSs(readFileSync(path.join(GOLDEN, 'ss-6.1.txt'), 'utf8'));
    assert.deepEqual(
      sockets.map(({ sock, pid, comm, localAddress, localPort, remotePort, sent, received }) => [
        sock,
        pid,
        comm,
        localAddress,
        localPort,
        remotePort,
        sent,
        received,
      ]),
      [
        ['118ac', 1366, 'node', '127.0.0.1', 57188, 5998, 3, 5],
        // Three bytes have arrived that nobody has read.
        ['118ad', 1366, 'node', '::ffff:127.0.0.1', 5998, 57188, 5, 0],
      ],
    );
    assert.deepEqual(sockets[0]?.tcp, {
      bytes_sent: 3,
      bytes_acked: 4,
      bytes_received: 5,
      segs_out: 4,
      segs_in: 3,
      data_segs_out: 1,
      data_segs_in: 1,
      rtt_us: 25,
    });
  });

  it('may have the details on the same line, as with --oneline', () => {
    const [socket] = parseSs(
      'ESTAB 0 0 [::1]:5432 [::1]:40000 cubic bytes_sent:7 bytes_acked:7 segs_out:2\n',
    );
    assert.deepEqual([socket?.localAddress, socket?.localPort, socket?.sent], ['::1', 5432, 7]);
  });

  it('writes IPv6 addresses without brackets before iproute2 4.18, and may name the interface', () => {
    const [old, scoped] = parseSs(
      'ESTAB 0 0 ::1:5432 ::1:40000\nESTAB 0 0 127.0.0.1%lo:5432 127.0.0.1:40000\n',
    );
    assert.deepEqual([old?.localAddress, old?.localPort], ['::1', 5432]);
    assert.deepEqual([scoped?.localAddress, scoped?.localPort], ['127.0.0.1', 5432]);
  });

  it('names a socket by its addresses when it shows no cookie', () => {
    assert.equal(one('cubic').sock, '127.0.0.1:5432-127.0.0.1:40000');
  });

  it('shows what waits, was sent again, and who held it up', () => {
    const { sent, tcp } = one(
      'cubic bytes_sent:1009 bytes_retrans:9 bytes_acked:701 retrans:0/3 notsent:23 busy:2012ms rwnd_limited:2008ms(99.8%) sndbuf_limited:4ms(0.2%) data_segs_out:17',
    );
    assert.equal(sent, 1023);
    assert.deepEqual(tcp, {
      bytes_sent: 1009,
      bytes_acked: 701,
      bytes_retrans: 9,
      data_segs_out: 17,
      retransmits: 3,
      busy_us: 2_012_000,
      rwnd_limited_us: 2_008_000,
      sndbuf_limited_us: 4000,
    });
  });

  it('leaves out what is 0', () => {
    const { sent, received } = one('cubic bytes_acked:1');
    assert.deepEqual([sent, received], [0, 0]);
  });

  it('does not know what was sent before Linux 4.19', () => {
    assert.equal(one('cubic bytes_acked:102 bytes_received:5').sent, null);
  });

  for (const [state, unread, received] of [
    ['ESTAB', 5, 18],
    ['CLOSE-WAIT', 6, 17],
    ['CLOSE-WAIT', 0, 22],
    ['LAST-ACK', 0, 22],
    ['FIN-WAIT-2', 0, 23],
  ] as const) {
    it(`counts no FIN as a byte: ${state}, ${unread} unread`, () => {
      assert.equal(one('cubic bytes_received:23', { state, unread }).received, received);
    });
  }

  it('counts no FIN that waits behind the last bytes', () => {
    assert.equal(one('cubic bytes_sent:100 notsent:8', { state: 'FIN-WAIT-1' }).sent, 107);
  });

  it('is skipped where it is no connection', () => {
    assert.deepEqual(parseSs('State Recv-Q Send-Q Local Peer\n\nnonsense\n'), []);
  });
});
