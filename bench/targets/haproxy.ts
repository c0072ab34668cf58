import path from 'node:path';
import { format, type Relay } from './target.ts';

export const haproxy: Relay = {
  name: 'haproxy',
  about: 'TCP mode, one thread',
  program: 'haproxy',
  debianPackage: 'haproxy',
  versionFlag: '-v',
  files: ({ listen, upstream }) => ({
    'haproxy.cfg': `global
  nbthread 1
defaults
  mode tcp
  timeout connect 10s
  timeout client 10m
  timeout server 10m
listen postgresql
  bind ${format(listen)}
  server upstream ${format(upstream)}
`,
  }),
  args: ({ directory }) => ['-db', '-f', path.join(directory, 'haproxy.cfg')],
};
