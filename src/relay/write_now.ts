/* oxlint-disable no-underscore-dangle -- Node names its handle so. */
import type net from 'node:net';
import { wasTried } from './tried_node.ts';

/** What Node's own streams use to write: no public API. */
interface StreamBinding {
  /** A write that is under way; Node 26 makes it only when there is one. */
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kLastWriteWasAsync: number;
  readonly kLastWriteErr?: number;
}

interface WriteRequest {
  oncomplete?: (status: number) => void;
  buffer?: Buffer;
  error?: unknown;
}

/** A connection of libuv. */
interface Handle {
  /** @returns 0, a system error, or, on Node 26, the write that is under way */
  writeBuffer(request: WriteRequest | null, chunk: Buffer): unknown;
}

const BINDING = wasTried(process.versions.node) ? streamBinding() : null;
/** Constants, so that the optimizing compiler reads them without looking them up. */
const STATE = BINDING?.streamBaseState ?? new Int32Array(1);
const LAST_WRITE_WAS_ASYNC = BINDING?.kLastWriteWasAsync ?? 0;
/** A request serves one write after the other, as long as the kernel takes each at once. */
let spare: WriteRequest | null = null;

/**
 * Writes a chunk as `socket.write` does, but for what the kernel takes at once, which is the rule, spares Node's queue, its
 * callbacks and the objects of each write: half of what a small write costs outside of the kernel.
 *
 * Nothing of that is public API. On a Node that it was not tried with, where it is not to be had, or the socket has
 * something queued, this is `socket.write`; and a write that fails, or is not taken at once, is handed to `socket.write` in the
 * state in which it is, so that all that can follow from it is Node's.
 *
 * @returns true when the kernel has taken all of it
 */
export function writeNow(socket: net.Socket, chunk: Buffer): boolean {
  const handle = BINDING === null || socket.writableLength > 0 ? null : handleOf(socket);
  if (BINDING === null || handle === null) return writeThrough(socket, chunk);
  if (BINDING.kLastWriteErr !== undefined) {
    const result = handle.writeBuffer(null, chunk);
    if (result === 0) return true;
    return handOver(socket, handle, chunk, () => result);
  }
  const request = (spare ??= new BINDING.WriteWrap());
  const error = handle.writeBuffer(request, chunk);
  const isUnderWay = STATE[LAST_WRITE_WAS_ASYNC] !== 0;
  if (error === 0 && !isUnderWay) return true;
  return handOver(socket, handle, chunk, (own) => {
    if (isUnderWay) {
      spare = null;
      request.buffer = chunk;
      request.oncomplete = (status) => {
        own!.error = request.error;
        own!.oncomplete!(status);
      };
    }
    return error;
  });
}

function writeThrough(socket: net.Socket, chunk: Buffer): boolean {
  socket.write(chunk);
  return socket.writableLength === 0 && socket.errored === null && !socket.destroyed;
}

/** Lets `socket.write` find what has become of the write, in place of writing. */
function handOver(
  socket: net.Socket,
  handle: Handle,
  chunk: Buffer,
  outcome: Handle['writeBuffer'] & ((request: WriteRequest | null) => unknown),
): boolean {
  handle.writeBuffer = outcome;
  const taken = writeThrough(socket, chunk);
  Reflect.deleteProperty(handle, 'writeBuffer');
  return taken;
}

function handleOf(socket: net.Socket): Handle | null {
  if (!('_handle' in socket)) return null;
  const { _handle: handle } = socket;
  return isHandle(handle) ? handle : null;
}

function isHandle(handle: unknown): handle is Handle {
  return typeof handle === 'object' && handle !== null && 'writeBuffer' in handle;
}

function streamBinding(): StreamBinding | null {
  try {
    const binding: unknown = Reflect.get(process, 'binding');
    if (typeof binding !== 'function') return null;
    const found: unknown = Reflect.apply(binding, process, ['stream_wrap']);
    return isStreamBinding(found) ? found : null;
  } catch {
    // Node's permission model forbids it.
    return null;
  }
}

function isStreamBinding(found: unknown): found is StreamBinding {
  if (typeof found !== 'object' || found === null) return false;
  const { WriteWrap, streamBaseState, kLastWriteWasAsync }: { [Key in keyof StreamBinding]?: unknown } =
    found;
  return (
    typeof WriteWrap === 'function' &&
    streamBaseState instanceof Int32Array &&
    typeof kLastWriteWasAsync === 'number'
  );
}
