import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseTcpInfo } from '../../../src/backend/diagnose/tcp_info.ts';

describe('a line of ss -tinHO', () => {
  it('tells what a client that does not read has not taken', () => {
    const found = parseTcpInfo(
      'ESTAB 0      4115456 127.0.0.1:42083 127.0.0.1:33664 timer:(persist,032ms,1) ts sack bbr wscale:10,10 rto:208 ' +
        'backoff:2 rtt:5.894/11.542 mss:51712 unacked:3 retrans:0/5 bytes_sent:136602 bytes_acked:136502 ' +
        'bytes_received:140 segs_out:20 busy:1704ms rwnd_limited:1604ms(94.1%) notsent:4115356 minrtt:0.006   ',
    );
    assert.deepEqual(found, {
      local: { address: '127.0.0.1', port: 42083 },
      peer: { address: '127.0.0.1', port: 33664 },
      state: 'ESTAB',
      receiveQueue: 0,
      sendQueue: 4115456,
      notSent: 4115356,
      bytesAcked: 136502,
      bytesReceived: 140,
      unackedSegments: 3,
      retransmits: 5,
      busyMs: 1704,
      receiveWindowLimitedMs: 1604,
    });
  });

  it('tells nothing but 0 of what ss leaves out', () => {
    const found = parseTcpInfo('CLOSE-WAIT 1 0 [::1]:5432 [::ffff:10.0.0.7]:5099 cubic');
    assert.deepEqual([found?.local.address, found?.peer.address], ['::1', '10.0.0.7']);
    assert.deepEqual([found?.receiveQueue, found?.bytesAcked, found?.notSent], [1, 0, 0]);
  });

  it('of a link-local address leaves the interface out', () => {
    assert.equal(parseTcpInfo('ESTAB 0 0 [fe80::1%eth0]:5432 [fe80::2]:5099')?.local.address, 'fe80::1');
  });

  it('that is none is null, whatever it is', () => {
    for (const line of ['', 'ESTAB', 'ESTAB 0 0 a b', 'ESTAB x 0 1.1.1.1:1 1.1.1.1:2']) {
      assert.equal(parseTcpInfo(line), null);
    }
    fc.assert(fc.property(fc.string(), (line) => void parseTcpInfo(line)));
  });
});
