// A proxy with TLS on both legs between two wires that keep what passes, and the proof that the report tells the records
// as they were on them.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Address } from '../../src/relay/address.ts';
import type { ReportRecord, SessionRecord } from '../../src/report/model.ts';
import { Command } from './command.ts';
import { assertConserved } from './conservation.ts';
import { temporaryDirectory } from './programs.ts';
import { onlySession } from './proxies.ts';
import type { Authority, Certificate } from './certificates.ts';
import { countOf, type RecordedWire, recordedWire, recordsOfPieces, type TlsWireRecord } from './tls_wire.ts';

export interface RecordedProxy {
  /** Of the wire that leads to the proxy. */
  readonly address: { readonly host: string; readonly port: number };
  /** Stops the proxy, which has had one session. */
  finished(): Promise<RecordedSession>;
}

export interface RecordedSession {
  readonly session: SessionRecord;
  /** Records that the proxy read and wrote on a leg. */
  readonly records: (leg: 'client' | 'server') => {
    readonly in: TlsWireRecord[];
    readonly out: TlsWireRecord[];
  };
}

export async function recordedProxy(
  upstream: Address,
  authority: Authority,
  certificate: Certificate,
): Promise<RecordedProxy> {
  const folder = temporaryDirectory();
  const [keyLog, reportFile] = [path.join(folder, 'keys'), path.join(folder, 'report.json')];
  const onServerLeg = await recordedWire(upstream);
  const proxy = new Command(
    [
      ['proxy', '--listen', '127.0.0.1:0', '--upstream', `127.0.0.1:${portOf(onServerLeg)}`],
      ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile],
      ['--upstream-tls', 'verify-ca', '--upstream-ca', authority.certFile],
      ['--report', 'json', '--report-file', reportFile],
    ].flat(),
    { NODE_OPTIONS: `--tls-keylog=${keyLog}` },
  );
  const onClientLeg = await recordedWire({ host: '127.0.0.1', port: await proxy.listening() });
  return {
    address: { host: '127.0.0.1', port: portOf(onClientLeg) },
    finished: async () => {
      proxy.kill('SIGTERM');
      const { status, stderr } = await proxy.finished();
      assert.equal(status, 0, stderr);
      const report: ReportRecord = JSON.parse(readFileSync(reportFile, 'utf8'));
      assertConserved(report);
      const session = onlySession(report);
      const keys = existsSync(keyLog) ? readFileSync(keyLog, 'utf8') : '';
      return {
        session,
        records: (leg) => {
          const wire = leg === 'client' ? onClientLeg : onServerLeg;
          const { forth, back } = wire.records(keys, session.wire[leg].tls!.cipher!);
          return leg === 'client' ? { in: forth, out: back } : { in: back, out: forth };
        },
      };
    },
  };
}

function portOf({ address }: RecordedWire): number {
  assert.ok('port' in address);
  return address.port;
}

/** The records of both legs, and of each statement, are those of the wires. The statements came one after the other. */
export function assertRecords({ session, records }: RecordedSession): void {
  for (const leg of ['client', 'server'] as const) {
    const { tls } = session.wire[leg];
    const wire = records(leg);
    assert.deepEqual(
      { in: tls?.records_in, out: tls?.records_out },
      { in: countOf(wire.in, 'application_data'), out: countOf(wire.out, 'application_data') },
      `records of the ${leg} leg`,
    );
    for (const direction of ['R', 'S'] as const) {
      const passed = (direction === 'R') === (leg === 'client') ? wire.in : wire.out;
      assertStatements(session, leg, direction, passed);
    }
  }
}

function assertStatements(
  { statements, accounts }: SessionRecord,
  leg: 'client' | 'server',
  direction: 'R' | 'S',
  passed: readonly TlsWireRecord[],
): void {
  const where = `${direction} on the ${leg} leg`;
  const told = statements.map(({ tls_records }) => {
    const count = tls_records?.[direction][leg];
    assert.ok(typeof count === 'number', `${where}: a statement's records are not known`);
    return count;
  });
  const account = accounts.startup[direction];
  const lengths = statements.map((statement) => statement[direction].bytes);
  assert.deepEqual(told, recordsOfPieces(passed, [account, ...lengths]).slice(1), where);
}
