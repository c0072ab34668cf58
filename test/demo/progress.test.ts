import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { ProgressLine } from '../../src/demo/progress.ts';

const CLEAR = '\r\x1b[K';

describe('the progress line', () => {
  let written = '';
  const terminal = (isTTY: boolean, columns = 30) => ({
    isTTY,
    columns,
    write: (text: string) => {
      written += text;
      return true;
    },
  });

  beforeEach(() => {
    written = '';
    mock.timers.enable({ apis: ['setInterval'] });
  });
  afterEach(() => mock.timers.reset());

  it('is written over itself, and gone at the end', () => {
    let rows = 0;
    const progress = new ProgressLine(terminal(true), () => `${(rows += 23)} rows`);
    progress.start();
    mock.timers.tick(400);
    progress.stop();
    assert.equal(written, `\r23 rows\x1b[K\r46 rows\x1b[K${CLEAR}`);
  });

  it('never fills the last column', () => {
    const progress = new ProgressLine(terminal(true), () => 'x'.repeat(99));
    progress.start();
    mock.timers.tick(200);
    assert.equal(written, `\r${'x'.repeat(29)}\x1b[K`);
  });

  it('gives way to other output', async () => {
    const progress = new ProgressLine(terminal(true), () => 'busy');
    progress.start();
    await progress.aside(async () => {
      mock.timers.tick(1000);
      assert.equal(written, CLEAR);
    });
    mock.timers.tick(200);
    assert.equal(written, `${CLEAR}\rbusy\x1b[K`);
  });

  it('is not there without a terminal', async () => {
    const progress = new ProgressLine(terminal(false), () => 'busy');
    progress.start();
    mock.timers.tick(1000);
    await progress.aside(() => Promise.resolve());
    progress.stop();
    assert.equal(written, '');
  });
});
