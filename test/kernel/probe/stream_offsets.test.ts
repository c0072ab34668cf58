import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Counters, bytesRead, bytesWritten } from '../../../src/kernel/probe/stream_offsets.ts';

const ESTABLISHED = 1;
const FIN_WAIT1 = 4;
const CLOSED = 7;
const CLOSE_WAIT = 8;

function steady(before: number, counter: number) {
  return { before, counter, after: before };
}

/** 101 bytes written of which 23 are not acknowledged and 7 not sent; 211 arrived of which 5 are not read. */
function counters(more: Partial<Counters> = {}): Counters {
  return {
    writeSeq: 1101,
    copiedSeq: 5206,
    acked: steady(1078, 78),
    sndNxt: 1094,
    bytesSentOnce: 94,
    arrived: steady(5211, 211),
    state: ESTABLISHED,
    ...more,
  };
}

describe('stream offsets from the counters of a socket', () => {
  it('are what the application wrote and read', () => {
    assert.equal(bytesWritten(counters(), null), 101);
    assert.equal(bytesRead(counters()), 206);
  });

  it('do not count the SYN of a connection that was opened here', () => {
    const active = counters({ acked: steady(1078, 79) });
    assert.equal(bytesWritten(active, null), 101);
    assert.equal(bytesWritten(active, 'here'), 101);
    assert.equal(bytesWritten(counters(), 'there'), 101);
  });

  it('survive that sequence numbers start again at 0', () => {
    const wrapped = counters({ writeSeq: 20, acked: steady(4_294_967_293, 78), sndNxt: 13 });
    assert.equal(bytesWritten(wrapped, null), 101);
    assert.equal(bytesRead(counters({ copiedSeq: 4_294_967_295, arrived: steady(4, 211) })), 206);
  });

  it('are not known when an acknowledgement or a segment came in between', () => {
    assert.equal(bytesWritten(counters({ acked: { before: 1078, counter: 90, after: 1090 } }), null), null);
    assert.equal(bytesRead(counters({ arrived: { before: 5211, counter: 212, after: 5212 } })), null);
  });

  it('are not known without ports while a segment is on its way out', () => {
    const sending = counters({ bytesSentOnce: 101 });
    assert.equal(bytesWritten(sending, null), null);
    assert.equal(bytesWritten(sending, 'there'), 101);
  });

  it('do not count a FIN, ours or the peer’s', () => {
    assert.equal(bytesWritten(counters({ writeSeq: 1102, state: FIN_WAIT1 }), 'there'), 101);
    assert.equal(bytesRead(counters({ copiedSeq: 5211, state: CLOSE_WAIT })), 210);
    assert.equal(bytesRead(counters({ state: CLOSE_WAIT })), 206);
  });

  it('are not known once the connection is over', () => {
    assert.equal(bytesWritten(counters({ state: CLOSED }), 'here'), null);
    assert.equal(bytesRead(counters({ state: CLOSED })), null);
  });
});
