import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  InputFileError,
  notWanted,
  parseReport,
  RECORDING,
  REPORT,
  unreadable,
} from '../../src/run/input_file.ts';

describe('a file that cannot be read', () => {
  const says: [code: string, RegExp][] = [
    ['ENOENT', /^f: there is no such file; have one written with pgnetflow proxy /],
    ['ENOTDIR', /^f: there is no such file; /],
    ['EISDIR', /^f: it is a directory; name the file in it that is a JSON report of pgnetflow proxy$/],
    ['EACCES', /^f: this user may not read it; ask its owner, or run the command as root$/],
    ['EIO', /^f: i\/o error$/],
  ];
  for (const [code, message] of says) {
    it(`is explained: ${code}`, () => {
      const cause = Object.assign(new Error('i/o error'), { code });
      const error = unreadable('f', REPORT, cause);
      assert.match(error.message, message);
      assert.equal(error.cause, cause);
    });
  }

  it('is explained once', () => {
    const error = new InputFileError('-', 'it is empty');
    assert.equal(error.message, 'standard input: it is empty');
    assert.equal(unreadable('-', REPORT, error), error);
  });
});

describe('a file that is something else', () => {
  it('is one sentence in one line, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { message } = notWanted('f', RECORDING, text, 'it is no JSON');
        assert.match(message, /^f: it is [^\n]+; have one written with pgnetflow probe > FILE$/);
        assert.throws(() => parseReport('f', text), InputFileError);
      }),
    );
  });

  it('is a report that breaks off, wherever it does', () => {
    const facts = { ended_at: 'x', dropped: { sessions: 0 }, sessions: [] };
    const whole = JSON.stringify({ schema: 'pgnetflow.report/1', ...facts });
    const head = '{"schema":"pgnetflow.report/1"'.length;
    for (let length = head; length < whole.length; length += 1) {
      assert.throws(() => parseReport('f', whole.slice(0, length)), {
        message: `f: it is a JSON report of pgnetflow proxy that breaks off after ${length} characters; have it written anew`,
      });
    }
    assert.deepEqual(parseReport('f', whole), JSON.parse(whole));
  });
});
