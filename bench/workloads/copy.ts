import { ownCpuSeconds } from '../cpu.ts';
import { type Measurement, METRICS } from '../model.ts';
import { CopyClient } from './copy_client.ts';
import type { Workload } from './workload.ts';

/** Sizes of a row as it is copied, its newline included. */
const ROWS = [
  { name: '1k', rowBytes: 1024, about: '1 KB rows', gigabytes: { out: 1, in: 0.5 } },
  { name: '40', rowBytes: 40, about: '40-byte rows', gigabytes: { out: 0.3, in: 0.1 } },
] as const;

/** Row data of one table. Below a quarter of shared_buffers, so that it stays there. */
const TABLE_BYTES = 24e6;
/** So much copy data is written at once. */
const BLOCK_BYTES = 256 * 1024;

export const copy: readonly Workload[] = ROWS.flatMap(({ name, rowBytes, about, gigabytes }): Workload[] => [
  {
    name: `copy-out-${name}`,
    about: `COPY TO STDOUT of ${about}, read and thrown away (raw socket)`,
    metric: METRICS.throughput,
    work: gigabytes.out,
    measure: (at, work) =>
      copying(CopyClient.connect(at), (client) => {
        // Each row is a message: type, length, row.
        const copyBytes = rowsOfTable(rowBytes) * (5 + rowBytes);
        return client.copyOut(`copy bench_${name} to stdout`, Math.ceil((work * 1e9) / copyBytes), copyBytes);
      }),
  },
  {
    name: `copy-in-${name}`,
    about: `COPY FROM STDIN of ${about}, parsed and left out by \`where false\` (raw socket)`,
    metric: METRICS.throughput,
    work: gigabytes.in,
    measure: (at, work) =>
      copying(CopyClient.connect(at), (client) => {
        const block = copyBlock(rowBytes);
        const blocks = Math.ceil((work * 1e9) / block.length);
        return client.copyIn(`copy bench_${name} from stdin where false`, block, blocks);
      }),
  },
]);

/** Creates and fills the tables that are copied. */
export const copyTables: readonly string[] = ROWS.flatMap(({ name, rowBytes }) => [
  `create table bench_${name} as
     select repeat('x', ${rowBytes - 1}) as row from generate_series(1, ${rowsOfTable(rowBytes)})`,
  `vacuum (freeze) bench_${name}`,
]);

function rowsOfTable(rowBytes: number): number {
  return Math.floor(TABLE_BYTES / rowBytes);
}

/** Whole CopyData messages, one per row. */
function copyBlock(rowBytes: number): Buffer {
  const message = Buffer.alloc(5 + rowBytes, 'x');
  message.write('d');
  message.writeInt32BE(4 + rowBytes, 1);
  message.write('\n', message.length - 1);
  const messages = Math.floor(BLOCK_BYTES / message.length);
  return Buffer.alloc(messages * message.length, message);
}

async function copying(
  connected: Promise<CopyClient>,
  transfer: (client: CopyClient) => Promise<number>,
): Promise<Measurement> {
  const client = await connected;
  try {
    const cpuBefore = ownCpuSeconds();
    const startedAt = performance.now();
    const bytes = await transfer(client);
    const seconds = (performance.now() - startedAt) / 1000;
    return {
      value: bytes / 1e6 / seconds,
      work: bytes / 1e9,
      seconds,
      clientCpuSeconds: ownCpuSeconds() - cpuBefore,
    };
  } finally {
    client.end();
  }
}
