import type UPlot from 'uplot';
import { formatBytes } from '../../report/units.ts';
import { byId } from './dom.ts';

/** The library is a script of its own. */
declare const uPlot: typeof UPlot;

const HEIGHT = 150;
/** An hour of seconds. */
const MAX_POINTS = 3600;

/** Bytes per second over time: what the server sent above the line, what it received below. */
export class Chart {
  /** A point without figures lets the axis begin now. */
  readonly #times: number[] = [Date.now() / 1000];
  readonly #received: (number | null)[] = [null];
  readonly #sent: (number | null)[] = [null];
  readonly #plot: UPlot;

  constructor() {
    const box = byId('chart');
    this.#plot = new uPlot(options(box.clientWidth), this.#data(), box);
    new ResizeObserver(() => this.#plot.setSize({ width: box.clientWidth, height: HEIGHT })).observe(box);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#plot.redraw());
  }

  /** @param at seconds since 1970 */
  add(at: number, received: number, sent: number): void {
    this.#times.push(at);
    this.#received.push(-received);
    this.#sent.push(sent);
    for (const list of [this.#times, this.#received, this.#sent]) if (list.length > MAX_POINTS) list.shift();
  }

  draw(): void {
    this.#plot.setData(this.#data());
  }

  #data(): UPlot.AlignedData {
    return [this.#times, this.#received, this.#sent];
  }
}

function options(width: number): UPlot.Options {
  const grid = { stroke: () => color('--line'), width: 1 };
  const axis = { stroke: () => color('--quiet'), grid, ticks: grid };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_, from, to) => lastMinutes(from, to) },
      y: { range: (_, low, high) => symmetric(low, high) },
    },
    axes: [
      { ...axis, values: (_, moments) => moments.map(clock) },
      { ...axis, size: 70, values: (_, values) => values.map((value) => formatBytes(Math.abs(value))) },
    ],
    series: [{}, area('--received'), area('--sent')],
  };
}

function area(name: string): UPlot.Series {
  return { stroke: () => color(name), fill: () => `${color(name)}44`, width: 1.5, points: { show: false } };
}

/** At least a minute, and no more than there is. */
function lastMinutes(from: number | null, to: number | null): [number, number] {
  const end = to ?? Date.now() / 1000;
  return [Math.min(from ?? end, end - 60), end];
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toTimeString().slice(0, 8);
}

function symmetric(low: number, high: number): [number, number] {
  return [Math.min(low, 0) * 1.1 - 1, Math.max(high, 0) * 1.1 + 1];
}

/** A colour of the style sheet as it is now, in light or dark. */
function color(name: string): string {
  probe.style.color = `var(${name})`;
  const [red = 0, green = 0, blue = 0] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? []).map(Number);
  return `#${[red, green, blue].map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;
}

const probe = document.createElement('span');
probe.hidden = true;
document.body.append(probe);
