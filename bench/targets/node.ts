import { fileURLToPath } from 'node:url';
import { format, type Relay } from './target.ts';

/** @param profile directory for CPU profiles, written when it ends */
export function pgnetflow(profile: string | null): Relay {
  const flags = profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  return {
    name: 'pgnetflow',
    about: '`pgnetflow proxy` as it comes, no report',
    program: null,
    args: (listen, upstream) => {
      const command = [entry('../../src/cli/main.js'), 'proxy', '--report', 'none'];
      return [...flags, ...command, '--listen', format(listen), '--upstream', format(upstream)];
    },
  };
}

/** The least that a relay in Node can do: it keeps no books at all. */
export const socketPipe: Relay = {
  name: 'socket-pipe',
  about: 'a plain Node relay of two socket.pipe()',
  program: null,
  args: (listen, upstream) => [entry('../pipe_process.js'), format(listen), format(upstream)],
};

function entry(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}
