/** One column of a table in the text report. */
export interface Column<Row> {
  readonly name: string;
  readonly align: 'left' | 'right';
  /** Its text, safe for one line. */
  readonly cell: (row: Row) => string;
  /** Longest cell; a longer one is cut at its end, or at its start. */
  readonly max?: number;
  readonly cut?: 'end' | 'start';
}

/** No line of a table is longer. */
export const TABLE_WIDTH = 119;

/** Lays rows out in columns as wide as their content; what is left of the width goes to the last column. */
export function tableLines<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const cells = [
    columns.map((column) => column.name),
    ...rows.map((row) =>
      columns.map((column) => shorten(column.cell(row), column.max ?? TABLE_WIDTH, column.cut ?? 'end')),
    ),
  ];
  const widths = columns.map((_, at) =>
    cells.reduce((widest, row) => Math.max(widest, characters(row[at]!).length), 0),
  );
  return cells.map((row) => {
    const padded = row.map((cell, at) => {
      const gap = ' '.repeat(widths[at]! - characters(cell).length);
      return columns[at]!.align === 'left' ? cell + gap : gap + cell;
    });
    return shorten(padded.join(' ').trimEnd(), TABLE_WIDTH, 'end');
  });
}

function shorten(text: string, max: number, cut: 'end' | 'start'): string {
  const all = characters(text);
  if (all.length <= max) return text;
  return cut === 'end' ? `${all.slice(0, max - 1).join('')}…` : `…${all.slice(1 - max).join('')}`;
}

function characters(text: string): string[] {
  return Array.from(text);
}
