import type { ReportRecord } from './model.ts';

/**
 * The report for programs, pretty, with members and sessions in the order of the record. Yields a piece
 * per session and per row of each list: all of them together may be longer than the longest string, and take too long in one go.
 */
export function* renderJson(report: ReportRecord): Generator<string> {
  yield '{';
  let separator = '\n';
  for (const [name, value] of Object.entries(report)) {
    yield `${separator}  ${JSON.stringify(name)}: `;
    separator = ',\n';
    if (Array.isArray(value)) yield* list(value);
    else yield indented(value, 1);
  }
  yield '\n}\n';
}

function* list(items: readonly unknown[]): Generator<string> {
  if (items.length === 0) {
    yield '[]';
    return;
  }
  let separator = '[\n    ';
  for (const item of items) {
    yield separator + indented(item, 2);
    separator = ',\n    ';
  }
  yield '\n  ]';
}

/** Strings in JSON hold no line breaks, so every one found is the layout's. */
function indented(value: unknown, depth: number): string {
  return JSON.stringify(value, null, 2).replaceAll('\n', `\n${'  '.repeat(depth)}`);
}
