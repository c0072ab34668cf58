import { createRequire } from 'node:module';

/** What Node has no call for: a second descriptor of a socket, for another thread, and to close one that no stream holds. */
export interface Descriptors {
  /** @throws {Error} */
  duplicate(descriptor: number): number;
  close(descriptor: number): void;
}

type Call = (descriptor: number) => number;

/** By way of koffi, an optional dependency; null where that is not to be had. */
export function loadDescriptors(): Descriptors | null {
  try {
    const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi');
    const library = koffi.load(null);
    const dup: Call = library.func('int dup(int)');
    const close: Call = library.func('int close(int)');
    return {
      duplicate: (descriptor) => {
        const copy = dup(descriptor);
        if (copy >= 0) return copy;
        const reason = koffi.errno() === koffi.os.errno['EMFILE'] ? ' (ulimit -n)' : '';
        throw new Error(`a listening socket cannot be shared with a thread: error ${koffi.errno()}${reason}`);
      },
      close: (descriptor) => void close(descriptor),
    };
  } catch {
    return null;
  }
}
