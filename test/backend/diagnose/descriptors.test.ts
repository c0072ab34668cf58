import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, readlinkSync, readdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import {
  describeDescriptor,
  parseDescriptor,
  parseSockets,
} from '../../../src/backend/diagnose/descriptors.ts';

const line = (local: string, peer: string, state: string, inode: number): string =>
  `   9: ${local} ${peer} ${state} 00000000:00000000 00:00000000 00000000 65534        0 ${inode} 1 0 100 0 0 10 0`;

describe('a descriptor', () => {
  const sockets = parseSockets(
    [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      line('0100007F:A463', '0100007F:8380', '01', 101),
      line('00000000000000000000000001000000:1538', '00000000000000000000000001000000:8381', '08', 102),
      line('0000000000000000FFFF00000100007F:1538', '0000000000000000FFFF00000200007F:8382', '01', 103),
      line('B80D0120000000000000000001000000:1538', 'B80D0120000000000000000002000000:0001', '0A', 104),
    ].join('\n'),
    [
      'Num       RefCount Protocol Flags    Type St Inode Path',
      '0000000000000000: 00000003 00000000 00000000 0001 03   201 /var/run/postgresql/.s.PGSQL.5432',
      '0000000000000000: 00000003 00000000 00000000 0001 03   202',
    ].join('\n'),
  );

  for (const [link, fdinfo, words] of [
    ['socket:[101]', '', 'socket 127.0.0.1:42083 - 127.0.0.1:33664 ESTABLISHED'],
    ['socket:[102]', '', 'socket [::1]:5432 - [::1]:33665 CLOSE_WAIT'],
    ['socket:[103]', '', 'socket 127.0.0.1:5432 - 127.0.0.2:33666 ESTABLISHED'],
    ['socket:[104]', '', 'socket [2001:db8::1]:5432 - [2001:db8::2]:1 LISTEN'],
    ['socket:[201]', '', 'Unix-domain socket /var/run/postgresql/.s.PGSQL.5432'],
    ['socket:[202]', '', 'Unix-domain socket'],
    ['socket:[999]', '', 'socket of a kind or a network namespace that is not looked at'],
    ['anon_inode:[signalfd]', '', 'signalfd (its latch)'],
    ['pipe:[96106]', '', 'pipe [96106]'],
    ['/var/lib/postgresql/base/5/1259', '', '/var/lib/postgresql/base/5/1259'],
    ['/dev/zero (deleted)', '', '/dev/zero (deleted)'],
    ['anon_inode:[io_uring]', '', 'anon_inode:[io_uring]'],
    [
      'anon_inode:[eventpoll]',
      'pos:\t0\nflags:\t02000002\ntfd:        8 events:       1c data:     1  pos:0 ino:9 sdev:9\ntfd:        4 events:       19 data: 2',
      'epoll {8: OUT, 4: IN}',
    ],
    ['anon_inode:[eventpoll]', 'tfd: 8 events: 2005 data: 1', 'epoll {8: IN+OUT+RDHUP}'],
    ['anon_inode:[eventpoll]', 'tfd: 8 events: 18 data: 1', 'epoll {8: none}'],
    ['anon_inode:[eventpoll]', '', 'epoll {}'],
  ] as const) {
    it(`${link} ${fdinfo.length > 0 ? 'with its set ' : ''}is ${words}`, () => {
      assert.equal(describeDescriptor(parseDescriptor(7, link, fdinfo, sockets)), words);
    });
  }

  it('of anything is understood', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (link, fdinfo, table) => {
        describeDescriptor(parseDescriptor(7, link, fdinfo, parseSockets(table, table)));
      }),
    );
  });

  it(
    'of this process is found: its connection to itself',
    { skip: process.platform !== 'linux' && 'needs /proc' },
    async () => {
      const listener = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
      await once(listener, 'listening');
      const address = listener.address();
      assert.ok(address !== null && typeof address === 'object');
      const socket = connect(address.port, '127.0.0.1');
      after(() => (socket.destroy(), listener.close()));
      await once(socket, 'connect');
      const found = parseSockets(
        readFileSync('/proc/self/net/tcp', 'utf8'),
        readFileSync('/proc/self/net/unix', 'utf8'),
      );
      const words = readdirSync('/proc/self/fd').flatMap((fd) => {
        try {
          return [
            describeDescriptor(parseDescriptor(Number(fd), readlinkSync(`/proc/self/fd/${fd}`), '', found)),
          ];
        } catch {
          // That of the directory itself has gone by now.
          return [];
        }
      });
      const own = `socket 127.0.0.1:${socket.localPort} - 127.0.0.1:${address.port} ESTABLISHED`;
      assert.ok(words.includes(own), `${own} in\n${words.join('\n')}`);
    },
  );
});
