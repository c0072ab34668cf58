import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SsSocket } from '../../../src/kernel/probe/ss_output.ts';
import { SsPolls } from '../../../src/kernel/probe/ss_polls.ts';

const FILTER = { proxyPort: 6432, serverPort: 5432, pid: null };

function socket(more: Partial<SsSocket> = {}): SsSocket {
  return {
    sock: 'a1',
    pid: null,
    comm: null,
    localAddress: '127.0.0.1',
    localPort: 6432,
    remoteAddress: '127.0.0.1',
    remotePort: 40_000,
    sent: 101,
    received: 23,
    tcp: { segs_out: 3 },
    ...more,
  };
}

describe('polls of ss', () => {
  it('open an old socket with what it had moved, a new one with nothing', () => {
    const polls = new SsPolls(FILTER);
    const [old] = polls.next([socket()], 1);
    assert.deepEqual(
      [old?.type, old],
      ['open', { ...old, sent: 101, received: 23, local: '127.0.0.1:6432' }],
    );
    const records = polls.next([socket(), socket({ sock: 'b2' })], 2);
    assert.deepEqual(records, [
      {
        type: 'open',
        sock: 'b2',
        local: '127.0.0.1:6432',
        remote: '127.0.0.1:40000',
        clock_us: 2,
        sent: 0,
        received: 0,
      },
      { type: 'totals', sock: 'b2', clock_us: 2, sent: 101, received: 23, tcp: { segs_out: 3 } },
    ]);
  });

  it('tell of a socket again only when it has moved', () => {
    const polls = new SsPolls(FILTER);
    polls.next([socket()], 1);
    assert.deepEqual(polls.next([socket()], 2), []);
    assert.deepEqual(
      polls.next([socket({ sent: 102 })], 3).map(({ type }) => type),
      ['totals'],
    );
  });

  it('say that a socket has gone, but not what it moved at last', () => {
    const polls = new SsPolls(FILTER);
    polls.next([socket()], 1);
    assert.deepEqual(polls.next([], 2), [{ type: 'close', sock: 'a1', clock_us: 2 }]);
    assert.deepEqual(polls.next([], 3), []);
  });

  it('leave out what is not known', () => {
    const [open] = new SsPolls(FILTER).next([socket({ sent: null })], 1);
    assert.ok(open !== undefined && !('sent' in open) && 'received' in open);
  });

  it('count the sockets with the ports and the process that were asked for', () => {
    const sockets = [
      socket({ sock: 'client leg' }),
      socket({ sock: 'client', localPort: 40_000, remotePort: 6432 }),
      socket({ sock: 'server leg', localPort: 40_001, remotePort: 5432 }),
      socket({ sock: 'backend', localPort: 5432, remotePort: 40_001 }),
      socket({ sock: 'process', localPort: 1, remotePort: 2, pid: 4711 }),
    ];
    const counted = (filter: typeof FILTER | { proxyPort: null; serverPort: null; pid: number }) =>
      new SsPolls(filter).next(sockets, 1).flatMap((record) => (record.type === 'open' ? [record.sock] : []));
    assert.deepEqual(counted(FILTER), ['client leg', 'server leg', 'backend']);
    assert.deepEqual(counted({ proxyPort: null, serverPort: null, pid: 4711 }), ['process']);
  });
});
