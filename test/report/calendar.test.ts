import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Calendar } from '../../src/report/calendar.ts';

const START = Date.parse('2026-11-21T00:00:00Z');
const HOUR = 3_600_000;

/** A machine whose clocks the test sets. */
class Machine {
  now = 0;
  system = START;
  /** What a look at the system's clock takes. */
  lookMs = 0;
  readonly calendar = new Calendar(
    {
      steady: () => this.now,
      system: () => {
        this.passes(this.lookMs);
        return this.system;
      },
    },
    START,
  );

  passes(ms: number): void {
    this.now += ms;
    this.system += ms;
  }
}

describe('the calendar', () => {
  it('does not change as long as nobody sets the clock of the system', () => {
    const machine = new Machine();
    machine.passes(HOUR);
    machine.calendar.follow();
    assert.equal(machine.calendar.momentOf(0), START);
    assert.equal(machine.calendar.momentOf(HOUR), START + HOUR);
  });

  for (const [what, step] of [
    ['set forward', 2000],
    ['set back', -90_000],
    ['put right a little', 51],
  ] as const) {
    it(`follows a clock that is ${what}; what was before keeps its moment`, () => {
      const machine = new Machine();
      machine.passes(1000);
      machine.system += step;
      machine.passes(10);
      machine.calendar.follow();
      machine.passes(HOUR);
      assert.equal(machine.calendar.momentOf(machine.now), machine.system);
      assert.equal(machine.calendar.momentOf(1010), START + 1010 + step, 'from the look on');
      assert.equal(machine.calendar.momentOf(1009), START + 1009);
    });
  }

  it('follows a machine that was suspended, when its steady clock stood still', () => {
    const machine = new Machine();
    machine.passes(1000);
    machine.system += 8 * HOUR;
    machine.calendar.follow();
    assert.equal(machine.calendar.momentOf(1000), START + 1000 + 8 * HOUR);
  });

  it('is not moved by noise, and by a drift only once that is more', () => {
    const machine = new Machine();
    const moments: number[] = [];
    for (let tick = 0; tick < 100; tick += 1) {
      machine.passes(1000);
      machine.system += 1;
      machine.calendar.follow();
      moments.push(machine.system - machine.calendar.momentOf(machine.now));
    }
    assert.deepEqual([moments[49], moments[50], moments[99]], [50, 0, 49]);
  });

  it('is not moved by a look during which the process did not run', () => {
    const machine = new Machine();
    machine.lookMs = 300;
    machine.calendar.follow();
    assert.equal(machine.calendar.momentOf(0), START);
  });

  it('forgets the oldest of very many settings of the clock', () => {
    const machine = new Machine();
    for (let tick = 1; tick <= 2003; tick += 1) {
      machine.passes(1000);
      machine.system += 100;
      machine.calendar.follow();
    }
    assert.equal(machine.calendar.momentOf(machine.now), machine.system);
    assert.equal(machine.calendar.momentOf(1500 * 1000), START + 1500 * 1100);
    assert.equal(machine.calendar.momentOf(0), START + 1004 * 100, 'by the oldest that is known');
  });
});
