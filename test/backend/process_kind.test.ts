import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { processKind } from '../../src/backend/process_kind.ts';

describe('the title of a process tells what it is', () => {
  const titles: [title: string, kind: string, leader?: number][] = [
    ['/usr/lib/postgresql/15/bin/postgres -D /data -p 5432', 'postmaster'],
    ['postgres: checkpointer ', 'checkpointer'],
    ['postgres: checkpointer', 'checkpointer'],
    ['postgres: 15/main: checkpointer ', 'checkpointer'],
    ['postgres: walwriter ', 'walwriter'],
    ['postgres: io worker 2', 'io worker'],
    ['postgres: autovacuum worker shop', 'autovacuum worker'],
    ['postgres: logical replication launcher ', 'logical replication launcher'],
    ['postgres: logical replication apply worker for subscription 16390 ', 'logical replication worker'],
    ['postgres: parallel worker for PID 4711 ', 'parallel worker', 4711],
    ['postgres: walsender alice [local] streaming 0/3000148', 'walsender'],
    ['postgres: alice shop 127.0.0.1(54758) COMMIT', 'client backend'],
    ['postgres: alice shop [local] idle', 'client backend'],
    ['postgres: 15/main: alice shop ::1(5) authentication', 'client backend'],
    ['postgres: TimescaleDB Background Worker Launcher ', 'background worker'],
  ];
  for (const [title, kind, leader = null] of titles) {
    it(title, () => assert.deepEqual(processKind(title), { kind, leader }));
  }
});
