import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { consoleDatabase, withDatabase } from '../../src/console/database.ts';
import { type StartupPacket, StartupPacketReader } from '../../src/wire/startup_packet.ts';
import { client } from '../support/messages.ts';

function startup(parameters: Record<string, string>): Extract<StartupPacket, { kind: 'startup_message' }> {
  const bytes = client.startup(parameters);
  const { packet } = new StartupPacketReader().read(bytes, 0, bytes.length);
  assert.ok(packet?.kind === 'startup_message');
  return packet;
}

describe('a start-up packet', () => {
  for (const [database, alias, expected] of [
    ['pgnetflow', null, 'postgres'],
    ['pgnetflow/shop', null, 'shop'],
    ['pgnetflow/a/b', null, 'a/b'],
    ['pgbouncer', 'pgbouncer', 'postgres'],
    ['pgbouncer', null, null],
    ['shop', null, null],
    ['pgnetflow2', null, null],
  ] as const) {
    it(`for ${database} (alias ${alias}) is ${expected === null ? 'an ordinary one' : `for the console, in ${expected}`}`, () => {
      const message = startup({ user: 'alice', database });
      assert.equal(consoleDatabase(message, { database: 'postgres', alias }), expected);
    });
  }

  it('without a database is an ordinary one, even of a user of that name', () => {
    assert.equal(
      consoleDatabase(startup({ user: 'pgnetflow' }), { database: 'postgres', alias: null }),
      null,
    );
  });

  it('goes on with another database, and all else as it was', () => {
    const { packet } = startup({
      user: 'alice',
      database: 'pgnetflow',
      application_name: 'database',
      options: '-c a=b',
    });
    const changed = withDatabase(packet, 'größe');
    const { packet: read } = new StartupPacketReader().read(changed, 0, changed.length);
    assert.ok(read?.kind === 'startup_message');
    assert.deepEqual(
      [...read.parameters],
      [
        ...startup({ user: 'alice', database: 'größe', application_name: 'database', options: '-c a=b' })
          .parameters,
      ],
    );
  });
});
