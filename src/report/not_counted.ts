import type { SessionKernelRecord } from './model.ts';

/** What the kernel says of a session while nobody has asked it. */
export function notCounted(): SessionKernelRecord {
  return {
    verdict: 'unchecked',
    causes: [
      {
        code: 'no_helper',
        leg: null,
        direction: null,
        text: 'nobody asked the kernel: pgnetflow probe was not attached',
        figures: {},
      },
    ],
    client: null,
    server: null,
    backend: null,
    counts: null,
  };
}
