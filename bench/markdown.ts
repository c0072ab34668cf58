import type { Spread } from './statistics.ts';

/** A Markdown table, padded so that it can be read as it stands. The first column is left-aligned, the others right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text, column) => pad(text, widths[column]!, column)).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

/** `0.97 (0.93..1.01)`; a dash for what was not measured. */
export function cell(figure: Spread | null, digits: (value: number) => string = threeDigits): string {
  if (figure === null) return '–';
  return `${digits(figure.median)} (${digits(figure.lowest)}..${digits(figure.highest)})`;
}

export function hundredths(value: number): string {
  return value.toFixed(2);
}

/** Three digits that mean something: `0.0123`, `12.3`, `12345`. */
export function threeDigits(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function pad(text: string, width: number, column: number): string {
  return column === 0 ? text.padEnd(width) : text.padStart(width);
}
