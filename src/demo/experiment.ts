import { Transform, type TransformCallback, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { DemoClient } from './client.ts';
import { COPY_IN, COPY_OUT, CREATE, DROP, insert, LIST_TABLES } from './statements.ts';

/** The sessions by their `application_name`. */
export const SESSION = {
  define: 'define',
  list: 'list',
  out: ['copy out 1', 'copy out 2'],
  in: ['copy in 1', 'copy in 2'],
  nowhere: 'copy to nowhere',
} as const;

/** Bytes of rows that the clients themselves have seen go by. */
export interface Counted {
  /** In each of the two pipes. */
  readonly pipes: readonly number[];
  readonly nowhere: number;
}

export type Connect = (name: string) => Promise<DemoClient>;

/**
 * The experiment of 2013, session by session:
 *
 *     psql                                     drop, create, insert
 *     psql                                     \dt+
 *     psql -c "copy t to stdout" | psql -c "copy t from stdin"          twice: the table doubles each time
 *     psql -c "copy t to stdout" > /dev/null
 */
export async function runExperiment(rows: number, connect: Connect): Promise<Counted> {
  await runSession(connect, SESSION.define, [DROP, CREATE, insert(rows)]);
  await runSession(connect, SESSION.list, [LIST_TABLES]);
  const pipes = [
    await runPipe(connect, SESSION.out[0], SESSION.in[0]),
    await runPipe(connect, SESSION.out[1], SESSION.in[1]),
  ];
  return { pipes, nowhere: await runToNowhere(connect) };
}

async function runSession(connect: Connect, name: string, statements: readonly string[]): Promise<void> {
  const client = await connect(name);
  for (const sql of statements) await client.query(sql);
  await client.close();
}

async function runPipe(connect: Connect, outName: string, inName: string): Promise<number> {
  const [source, target] = await Promise.all([connect(outName), connect(inName)]);
  const counter = new ByteCounter();
  await pipeline(source.copyOut(COPY_OUT), counter, target.copyIn(COPY_IN));
  await Promise.all([source.close(), target.close()]);
  return counter.bytes;
}

async function runToNowhere(connect: Connect): Promise<number> {
  const client = await connect(SESSION.nowhere);
  const counter = new ByteCounter();
  await pipeline(client.copyOut(COPY_OUT), counter, nowhere());
  await client.close();
  return counter.bytes;
}

class ByteCounter extends Transform {
  bytes = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytes += chunk.length;
    done(null, chunk);
  }
}

/** /dev/null. */
function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
