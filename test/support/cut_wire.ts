// A wire to a server that can be cut on command.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after } from 'node:test';
import { resetSocket } from '../../src/relay/reset.ts';
import type { Address } from '../../src/relay/address.ts';

export interface CutWire {
  readonly address: Address;
  /** Resets one of the connections that are open, both of its ends. @param pick a whole number below the one given */
  cutOne(pick: (below: number) => number): void;
}

/** Passes connections on to a server. */
export async function cutProxyTarget(to: { readonly host: string; readonly port: number }): Promise<CutWire> {
  const open = new Set<() => void>();
  const listener = net.createServer({ allowHalfOpen: true }, (near) => {
    const far = net.connect({ ...to, allowHalfOpen: true });
    const cut = (): void => {
      open.delete(cut);
      resetSocket(near);
      resetSocket(far);
    };
    open.add(cut);
    for (const socket of [near, far]) {
      socket.on('error', cut);
      socket.on('close', () => open.delete(cut));
      after(() => socket.destroy());
    }
    near.pipe(far);
    far.pipe(near);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  after(() => listener.close());
  const bound = listener.address();
  assert.ok(bound !== null && typeof bound !== 'string');
  return {
    address: { host: '127.0.0.1', port: bound.port },
    cutOne: (pick) => [...open][pick(Math.max(open.size, 1))]?.(),
  };
}
