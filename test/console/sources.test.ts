import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { literal, withSources } from '../../src/console/sources.ts';
import { consoleTable } from '../../src/console/table.ts';

const table = consoleTable({
  name: 'few',
  isView: true,
  help: 'Few',
  of: () => [],
  columns: [{ name: 'n', type: 'int8', help: 'number', value: () => 1 }],
});
const views = new Map([['netflow_few', table]]);

/** With what is put in front shown as `SOURCES`. */
function shown(query: string): string | null {
  return (
    withSources(query, views)?.replace(
      /netflow_few AS \(SELECT .*? AS t\("n" pg_catalog\.int8\)\)/,
      'SOURCES',
    ) ?? null
  );
}

describe('sources in front of a query', () => {
  for (const [query, expected] of [
    ['select 1', 'WITH SOURCES select 1'],
    [
      '  -- a comment\n /* and /another */ SELECT 1',
      '  -- a comment\n /* and /another */ WITH SOURCES SELECT 1',
    ],
    ['table netflow_few', 'WITH SOURCES table netflow_few'],
    ['with a as (select 1) select 2', 'WITH SOURCES,  a as (select 1) select 2'],
    ['with recursive a as (select 1) table a', 'WITH RECURSIVE SOURCES,  a as (select 1) table a'],
    ['explain (analyze, costs off) select 1', 'explain (analyze, costs off) WITH SOURCES select 1'],
    ['explain analyze verbose select 1', 'explain analyze verbose WITH SOURCES select 1'],
    ['explain (select 1) union select 2', 'explain WITH SOURCES (select 1) union select 2'],
    ['explain (costs off) (select 1)', 'explain (costs off) WITH SOURCES (select 1)'],
    ['(select 1) union (select 2)', 'WITH SOURCES (select 1) union (select 2)'],
    ['((select 1))', 'WITH SOURCES ((select 1))'],
    ['copy ((select 1) union select 2) to stdout', 'copy (WITH SOURCES (select 1) union select 2) to stdout'],
    ['create table t as (select 1)', 'create table t as WITH SOURCES (select 1)'],
    ['copy (select 1) to stdout', 'copy (WITH SOURCES select 1) to stdout'],
    ['declare c cursor with hold for select 1', 'declare c cursor with hold for WITH SOURCES select 1'],
    ['create table t as select 1', 'create table t as WITH SOURCES select 1'],
    ['insert into t select 1', 'WITH SOURCES insert into t select 1'],
    ['do $$ begin end $$', null],
    ['vacuum', null],
  ] as const) {
    it(`${JSON.stringify(query)} become ${JSON.stringify(expected)}`, () =>
      assert.equal(shown(query), expected));
  }
});

describe('a literal', () => {
  it('means the same whatever standard_conforming_strings is', () => {
    assert.equal(literal("it's"), "'it''s'");
    assert.equal(literal('a\\b'), "E'a\\\\b'");
  });
});
