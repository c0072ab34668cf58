// Sessions whose texts are not UTF-8: what the report shows of them, and the same fingerprint in every encoding.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { libpqEnvironment, succeed, temporaryDirectory } from '../support/programs.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { debianMissing, debianProgram, debianServer } from '../support/servers.ts';

const server = debianMissing === false ? await debianServer() : null;

/** A statement in several encodings; where it has one, a character whose second byte is a backslash is among them. */
const TEXTS: Readonly<Record<string, readonly (readonly [encoding: string, bytes: Buffer])[]>> = {
  größe: [
    ['UTF8', Buffer.from('größe')],
    ['LATIN1', Buffer.from('größe', 'latin1')],
    ['WIN1252', Buffer.from('größe', 'latin1')],
  ],
  表: [
    ['UTF8', Buffer.from('表')],
    ['SJIS', Buffer.from([0x95, 0x5c])],
    ['EUC_JP', Buffer.from([0xc9, 0xbd])],
    ['GB18030', Buffer.from([0xb1, 0xed])],
  ],
  功: [
    ['UTF8', Buffer.from('功')],
    ['BIG5', Buffer.from([0xa5, 0x5c])],
    ['GBK', Buffer.from([0xb9, 0xa6])],
  ],
  ж: [
    ['UTF8', Buffer.from('ж')],
    ['KOI8R', Buffer.from([0xd6])],
    ['WIN1251', Buffer.from([0xe6])],
  ],
  한: [
    ['UTF8', Buffer.from('한')],
    ['UHC', Buffer.from([0xc7, 0xd1])],
    ['EUC_KR', Buffer.from([0xc7, 0xd1])],
  ],
};

describe('a session whose texts are not UTF-8', { skip: debianMissing }, () => {
  for (const [text, encodings] of Object.entries(TEXTS)) {
    it(`shows ${text} as it is, in ${encodings.map(([name]) => name).join(', ')}, set at the start or in the middle`, async () => {
      const running = await proxyBefore(server!);
      const directory = temporaryDirectory();
      for (const [encoding, bytes] of encodings) {
        const sql = Buffer.concat([
          Buffer.from(`select 1 as "`),
          bytes,
          Buffer.from(`" where E'`),
          bytes,
          Buffer.from(`' <> 'secret';\n`),
        ]);
        const file = path.join(directory, encoding);
        writeFileSync(file, sql);
        const env = libpqEnvironment(running, { PGCLIENTENCODING: encoding });
        await succeed(debianProgram('psql'), ['-X', '-q', '-f', file], { env });
        const set = path.join(directory, `${encoding}.set`);
        writeFileSync(set, Buffer.concat([Buffer.from(`set client_encoding to '${encoding}';\n`), sql]));
        await succeed(debianProgram('psql'), ['-X', '-q', '-f', set], { env: libpqEnvironment(running) });
      }
      const { sessions, statements } = await running.settled();
      const shown = sessions
        .flatMap((session) => session.statements)
        .filter(({ query }) => query?.startsWith('select') === true);
      assert.equal(shown.length, 2 * encodings.length);
      for (const { query, outcome } of shown) {
        assert.equal(query, `select 1 as "${text}" where E'${text}' <> 'secret';`);
        assert.equal(outcome, 'ok');
      }
      const normal = statements.filter(({ query }) => query?.startsWith('select') === true);
      assert.deepEqual(
        normal.map(({ query, calls }) => [query, calls]),
        [[`select ? as "${text}" where ? <> ?`, 2 * encodings.length]],
      );
    });
  }

  it('without an encoding shows the bytes', async () => {
    const running = await proxyBefore(server!);
    const file = path.join(temporaryDirectory(), 'sql');
    writeFileSync(file, 'select 1 as "gr\u00f6\u00dfe";\n');
    const env = libpqEnvironment(running, { PGCLIENTENCODING: 'SQL_ASCII' });
    await succeed(debianProgram('psql'), ['-X', '-q', '-f', file], { env });
    const { sessions } = await running.settled();
    assert.equal(sessions[0]?.statements[0]?.query, String.raw`select 1 as "gr\xc3\xb6\xc3\x9fe";`);
  });
});
