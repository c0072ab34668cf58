import type { TraceRecord } from './record.ts';

/** Knows which file a process means by a descriptor of OpenTransientFile; told of all records in their order. */
export class TransientPaths {
  readonly #ofProcess = new Map<number, Map<number, string>>();

  /** Fills in the path of a record that lacks it, as far as it is known. */
  complete(record: TraceRecord): TraceRecord {
    if (record.type === 'exit') this.#ofProcess.delete(record.pid);
    if (record.type === 'open' && record.result >= 0) this.#opened(record.pid, record.result, record.path);
    const isTransient = record.type === 'slru_write' || ('transient' in record && record.transient);
    return isTransient ? { ...record, path: this.#find(record) } : record;
  }

  #opened(pid: number, fd: number, path: string): void {
    const paths = this.#ofProcess.get(pid) ?? new Map<number, string>();
    this.#ofProcess.set(pid, paths.set(fd, path));
  }

  #find({ pid, fd, path }: { pid: number; fd: number; path: string | null }): string | null {
    return this.#ofProcess.get(pid)?.get(fd) ?? path;
  }
}
