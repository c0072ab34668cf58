import { escapeLine } from '../../report/escape.ts';
import { type Filter, type Filterable } from '../../report/filter.ts';
import { type Column, link } from './columns.ts';
import { element } from './dom.ts';

/** How rows are ordered: by which column, the smallest or the largest first. */
export interface Order {
  readonly by: string;
  readonly descending: boolean;
}

/** One view: its rows, and what is known of them. */
export interface View<Row> {
  readonly columns: readonly Column<Row>[];
  readonly key: (row: Row) => string;
  readonly filterable: (row: Row) => Filterable;
  /** One that is there for the record only. */
  readonly isOver?: (row: Row) => boolean;
  readonly order: Order;
  /** What to say when there are no rows at all. */
  readonly empty: string;
}

/** A table that is brought up to date in place, so that the keyboard's focus stays where it is. */
export class TableView<Row> {
  readonly node: HTMLElement;
  readonly #view: View<Row>;
  readonly #onOrder: (order: Order) => void;
  readonly #onOpen: (key: string) => void;
  readonly #body = element('tbody', '');
  readonly #heads: HTMLTableCellElement[];
  readonly #meaning = element('p', '');
  readonly #empty = element('p', 'empty');
  readonly #rows = new Map<string, HTMLTableRowElement>();

  constructor(
    view: View<Row>,
    caption: string,
    onOrder: (order: Order) => void,
    onOpen: (key: string) => void,
  ) {
    this.#view = view;
    this.#onOrder = onOrder;
    this.#onOpen = onOpen;
    this.#meaning.id = 'meaning';
    this.#meaning.textContent =
      'Point at a column, or tab to it, to read what it means; choose it to sort by it.';
    this.#heads = view.columns.map((column) => this.#head(column));
    const table = element('table', '', element('thead', '', element('tr', '', ...this.#heads)), this.#body);
    table.setAttribute('aria-label', caption);
    const scroll = element('div', 'scroll', table, this.#empty);
    scroll.tabIndex = 0;
    scroll.setAttribute('role', 'region');
    scroll.setAttribute('aria-label', `${caption}, scrolls sideways`);
    this.node = element('div', '', this.#meaning, scroll);
  }

  /** @returns how many rows passed the filter */
  update(rows: readonly Row[], filter: Filter, order: Order): number {
    const { columns, key, filterable, empty, isOver } = this.#view;
    const passed = rows.filter((row) => filter.matches(filterable(row)));
    const column = columns.find(({ name }) => name === order.by) ?? columns[0]!;
    const sign = order.descending ? -1 : 1;
    passed.sort((one, other) => sign * compare(column.value(one), column.value(other)));
    for (const [at, head] of this.#heads.entries()) {
      if (columns[at] === column)
        head.setAttribute('aria-sort', order.descending ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    }
    const largest = Math.max(0, ...rows.map(largestFlow));
    const present = new Set<string>();
    for (const [at, row] of passed.entries()) {
      const name = key(row);
      present.add(name);
      const line = this.#rows.get(name) ?? this.#line(name);
      line.className = isOver?.(row) === true ? 'over' : '';
      for (const [index, one] of columns.entries()) this.#fill(line.cells[index]!, one, row, largest);
      if (this.#body.rows[at] !== line) this.#body.insertBefore(line, this.#body.rows[at] ?? null);
    }
    for (const [name, line] of this.#rows) {
      if (present.has(name)) continue;
      line.remove();
      this.#rows.delete(name);
    }
    this.#empty.textContent = rows.length === 0 ? empty : 'Nothing passes the filter.';
    this.#empty.hidden = passed.length > 0;
    return passed.length;
  }

  #head(column: Column<Row>): HTMLTableCellElement {
    const button = element('button', '', column.name);
    button.type = 'button';
    const explain = (): void => {
      this.#meaning.textContent = `${column.name}: ${column.help}`;
    };
    button.addEventListener('mouseenter', explain);
    button.addEventListener('focus', explain);
    button.setAttribute('aria-description', column.help);
    const head = element('th', column.className?.includes('number') === true ? 'number' : '', button);
    head.scope = 'col';
    button.addEventListener('click', () => {
      const sorted = head.getAttribute('aria-sort');
      this.#onOrder({ by: column.name, descending: sorted !== 'descending' });
    });
    return head;
  }

  #line(name: string): HTMLTableRowElement {
    const line = element('tr', '');
    for (const { className = '' } of this.#view.columns) {
      const cell = element('td', className);
      if (className.includes('link')) cell.append(link('', () => this.#onOpen(name)));
      line.append(cell);
    }
    this.#rows.set(name, line);
    return line;
  }

  #fill(cell: HTMLTableCellElement, column: Column<Row>, row: Row, largest: number): void {
    const content = column.cell?.(row, largest) ?? String(column.value(row));
    const holder = column.className?.includes('link') === true ? cell.firstElementChild! : cell;
    if (typeof content !== 'string') holder.replaceChildren(content);
    else if (holder.textContent !== content) holder.textContent = escapeLine(content);
    if (column.className?.includes('text') === true) cell.title = typeof content === 'string' ? content : '';
  }
}

function compare(one: number | string, other: number | string): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  return String(one).localeCompare(String(other));
}

function largestFlow(row: unknown): number {
  if (typeof row !== 'object' || row === null || !('R' in row) || !('S' in row)) return 0;
  return Math.max(...[row.R, row.S].map((flow) => (hasBytes(flow) ? flow.bytes : 0)));
}

function hasBytes(flow: unknown): flow is { readonly bytes: number } {
  return typeof flow === 'object' && flow !== null && 'bytes' in flow && typeof flow.bytes === 'number';
}
