import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Names, type Prepared } from '../../src/session/names.ts';
import { Statement } from '../../src/session/statement.ts';

const prepared = (text: string): Prepared => ({
  query: { text, bytes: text.length, truncated: false },
  origin: null,
});

describe('names of prepared statements', () => {
  it('a failed Parse of a name that was free leaves it free', () => {
    const names = new Names();
    names.prepare('s', prepared('new')).failed(true);
    assert.equal(names.prepared('s'), undefined);
  });

  it('a failed Parse of a taken name leaves the old statement', () => {
    const names = new Names();
    const old = prepared('old');
    names.prepare('s', old);
    names.prepare('s', prepared('new')).failed(true);
    assert.equal(names.prepared('s'), old);
  });

  it('a failed Parse of the unnamed statement has dropped it, a skipped one has not', () => {
    const names = new Names();
    const old = prepared('old');
    names.prepare('', old);
    names.prepare('', prepared('skipped')).failed(false);
    assert.equal(names.prepared(''), old);
    names.prepare('', prepared('failed')).failed(true);
    assert.equal(names.prepared(''), undefined);
  });

  it('a failure taken back late leaves what has been defined since', () => {
    const names = new Names();
    const restoration = names.prepare('s', prepared('failed'));
    const later = prepared('later');
    names.prepare('s', later);
    restoration.failed(false);
    assert.equal(names.prepared('s'), later);
  });

  it('a Close that was skipped has closed nothing', () => {
    const names = new Names();
    const old = prepared('old');
    names.prepare('s', old);
    names.closePrepared('s')?.failed(false);
    assert.equal(names.prepared('s'), old);
    assert.equal(names.closePrepared('unknown'), null);
  });

  it('the number remembered is bounded: the oldest go', () => {
    const names = new Names();
    for (let count = 0; count < 20_000; count += 1) names.prepare(`s${count}`, prepared(`${count}`));
    assert.equal(names.prepared('s0'), undefined);
    assert.equal(names.prepared('s19999')?.query?.text, '19999');
  });

  it('the SQL remembered is bounded, too', () => {
    const names = new Names();
    const megabyte = 'x'.repeat(1024 * 1024);
    for (let count = 0; count < 7; count += 1) names.prepare(`s${count}`, prepared(megabyte));
    assert.equal(names.prepared('s2'), undefined);
    assert.equal(names.prepared('s3')?.query?.text, megabyte);
    names.deallocate(null);
    for (let count = 0; count < 4; count += 1) names.prepare(`t${count}`, prepared(megabyte));
    assert.notEqual(names.prepared('t0'), undefined, 'what is forgotten counts no more');
  });

  it('the unnamed portal is one of its own', () => {
    const names = new Names();
    const [unnamed, named] = [new Statement(1, 'execute', null), new Statement(2, 'execute', null)];
    names.openPortal('', unnamed);
    names.openPortal('p', named);
    assert.deepEqual([names.portal(''), names.portal('p')], [unnamed, named]);
    names.closePortal('');
    assert.deepEqual([names.portal(''), names.portal('p')], [undefined, named]);
    names.openPortal('', named);
    names.closePortal('p');
    assert.deepEqual([names.portal(''), names.portal('p')], [named, undefined]);
  });

  it('a name that is prepared again counts as new', () => {
    const names = new Names();
    names.prepare('s', prepared('old'));
    for (let count = 0; count < 16_000; count += 1) names.prepare(`a${count}`, prepared('a'));
    names.closePrepared('s');
    names.prepare('s', prepared('new'));
    for (let count = 0; count < 16_000; count += 1) names.prepare(`b${count}`, prepared('b'));
    assert.equal(names.prepared('s')?.query?.text, 'new');
  });
});
