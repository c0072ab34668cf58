import { escapeLine } from '../../report/escape.ts';
import { parseFilter } from '../../report/filter.ts';
import { formatBytes, formatDuration } from '../../report/units.ts';
import type { PageFigures, PageFingerprint, PageSession } from '../page_model.ts';
import { type AddressState, readAddress, writeAddress } from './address_state.ts';
import { Chart } from './chart.ts';
import {
  CANCEL_COLUMNS,
  DATABASE_COLUMNS,
  ofCancel,
  ofDatabase,
  ofSession,
  ofStatement,
  SESSION_COLUMNS,
  STATEMENT_COLUMNS,
} from './columns.ts';
import { byId, element, facts } from './dom.ts';
import { ratesBetween, type Rates, showSummary } from './summary.ts';
import { type Order, TableView, type View } from './table_view.ts';

/** A view with its rows taken out of the figures. */
interface Tab {
  readonly name: string;
  readonly node: HTMLElement;
  readonly order: Order;
  /** @returns how many of how many rows are shown */
  readonly update: (figures: PageFigures) => string;
}

const BY_BYTES: Order = { by: 'received ◂ bytes ▸ sent', descending: true };

let state: AddressState = readAddress();
let latest: PageFigures | null = null;
let rates: Rates | null = null;
let paused = false;

const chart = new Chart();

function tab<Row>(
  name: string,
  view: View<Row>,
  rowsOf: (figures: PageFigures) => readonly Row[],
  all: (figures: PageFigures) => number,
): Tab {
  const table = new TableView(
    view,
    name,
    (order) => change({ order }),
    (key) => change({ open: state.open === key ? null : key }),
  );
  return {
    name,
    node: table.node,
    order: view.order,
    update: (figures) => {
      const shown = table.update(rowsOf(figures), parseFilter(state.filter), state.order ?? view.order);
      return `${shown} of ${all(figures)}`;
    },
  };
}

const TABS: readonly Tab[] = [
  tab(
    'sessions',
    {
      columns: SESSION_COLUMNS,
      key: ({ id }) => `session ${id}`,
      filterable: ofSession,
      isOver: ({ ended_at }) => ended_at !== null,
      order: BY_BYTES,
      empty: 'No session yet. Point a client at the proxy: psql -p 6432',
    },
    ({ sessions }) => sessions,
    ({ all_sessions }) => all_sessions,
  ),
  tab(
    'statements',
    {
      columns: STATEMENT_COLUMNS,
      key: ({ fingerprint }) => `statement ${fingerprint ?? 'others'}`,
      filterable: ofStatement,
      order: BY_BYTES,
      empty: 'No statement has ended yet.',
    },
    ({ statements }) => statements,
    ({ all_statements }) => all_statements,
  ),
  tab(
    'databases',
    {
      columns: DATABASE_COLUMNS,
      key: ({ database, user }) => `${database ?? '\0'}\0${user ?? '\0'}`,
      filterable: ofDatabase,
      order: BY_BYTES,
      empty: 'No session yet.',
    },
    ({ databases }) => databases,
    ({ databases }) => databases.length,
  ),
  tab(
    'cancels',
    {
      columns: CANCEL_COLUMNS,
      key: ({ requested_at, client }) => `${requested_at} ${client.port}`,
      filterable: ofCancel,
      order: { by: 'requested', descending: true },
      empty: 'No cancel request yet (Ctrl-C in psql sends one).',
    },
    ({ cancels }) => cancels,
    ({ all_cancels }) => all_cancels,
  ),
  { name: 'books', node: element('div', ''), order: BY_BYTES, update: showBooks },
];

function currentTab(): Tab {
  return TABS.find(({ name }) => name === state.view) ?? TABS[0]!;
}

/** Changes what is looked at, and the address with it. */
function change(part: Partial<AddressState>): void {
  state = { ...state, ...part };
  writeAddress(state);
  show();
}

const tabButtons = TABS.map(({ name }, at) => {
  const button = element('button', '', name);
  button.type = 'button';
  button.title = `Key ${at + 1}`;
  button.addEventListener('click', () => change({ view: name, order: null, open: null }));
  byId('views').append(element('li', '', button));
  return button;
});

function show(): void {
  const tabNow = currentTab();
  for (const [at, button] of tabButtons.entries()) {
    if (TABS[at] === tabNow) button.setAttribute('aria-current', 'page');
    else button.removeAttribute('aria-current');
  }
  if (byId('view').firstElementChild !== tabNow.node) byId('view').replaceChildren(tabNow.node);
  if (latest === null) return;
  const said = tabNow.update(latest);
  const { problems } = parseFilter(state.filter);
  byId('filter-said').textContent = problems.length > 0 ? problems.join('; ') : said;
  showSummary(latest, rates);
  showDetail(latest);
  chart.draw();
}

function showBooks(figures: PageFigures): string {
  const { kernel, unbalanced, refused, all_sessions } = figures;
  const node = currentTab().node;
  node.replaceChildren(
    element('h2', '', 'The books, and the kernel'),
    facts([
      ['sessions in all', String(all_sessions)],
      ['of them unbalanced', element('span', unbalanced === 0 ? 'good' : 'bad', String(unbalanced))],
      ['connections refused', String(refused.connections)],
      ['cancel requests refused', String(refused.cancels)],
      ...Object.entries(kernel?.sessions ?? {}).map(
        ([verdict, count]) => [`kernel says ${verdict}`, String(count)] as const,
      ),
    ]),
    element(
      'p',
      'quiet',
      kernel === null
        ? "The kernel's own count stands in the report, once pgnetflow probe is attached."
        : `${kernel.helpers.length} helpers attached so far, ${kernel.lost} records lost.`,
    ),
  );
  return '';
}

function showDetail({ sessions, statements }: PageFigures): void {
  const box = byId('detail');
  const session = sessions.find(({ id }) => state.open === `session ${id}`);
  const statement = statements.find(
    ({ fingerprint }) => state.open === `statement ${fingerprint ?? 'others'}`,
  );
  box.hidden = session === undefined && statement === undefined;
  if (session !== undefined) box.replaceChildren(...sessionDetail(session), closeButton());
  else if (statement !== undefined) box.replaceChildren(...statementDetail(statement), closeButton());
  else box.replaceChildren();
}

const close = element('button', '', 'Close');
close.type = 'button';
close.addEventListener('click', () => change({ open: null }));

function closeButton(): HTMLElement {
  return close;
}

function sessionDetail(session: PageSession): HTMLElement[] {
  const { id, client, R, S, time, current, balanced, backend_pid } = session;
  return [
    element('h2', '', `Session ${id}`),
    facts([
      ['database', escapeLine(session.database ?? '–')],
      ['user', escapeLine(session.user ?? '–')],
      ['application', escapeLine(session.application_name ?? '–')],
      ['client', `${client.address}:${client.port}`],
      ['backend', String(backend_pid ?? '–')],
      ['since', session.started_at],
      ['ended', session.ended_at === null ? 'no' : `${session.ended_at}, ${session.end_reason ?? ''}`],
      ['received', `${R.bytes.toLocaleString('en')} bytes, ${R.messages.toLocaleString('en')} messages`],
      ['sent', `${S.bytes.toLocaleString('en')} bytes, ${S.messages.toLocaleString('en')} messages`],
      ['reads and writes', `R ${R.reads} / ${R.writes}, S ${S.reads} / ${S.writes}`],
      ['statements', session.statement_count.toLocaleString('en')],
      ['transactions', session.transactions.toLocaleString('en')],
      ['round trips', session.roundtrips.toLocaleString('en')],
      ['active', formatDuration(time.active_us)],
      ['idle', formatDuration(time.idle_us)],
      ['idle in transaction', formatDuration(time.idle_in_transaction_us)],
      ['client stall', formatDuration(time.client_stall_us)],
      ['server stall', formatDuration(time.server_stall_us)],
      ['books', element('span', balanced ? 'good' : 'bad', balanced ? 'balanced' : 'UNBALANCED')],
    ]),
    ...(current === null
      ? []
      : [
          element('h2', '', `Under way for ${formatDuration(current.time.elapsed_us)}: ${current.kind}`),
          element('pre', '', escapeLine(current.query ?? '–')),
        ]),
  ];
}

function statementDetail(statement: PageFingerprint): HTMLElement[] {
  const { duration_us: d, S_bytes: sent, R_bytes: received } = statement;
  return [
    element('h2', '', escapeLine(statement.summary)),
    element('pre', '', escapeLine(statement.query ?? 'no text is shown')),
    facts([
      ['fingerprint', statement.fingerprint ?? '–'],
      ['calls', statement.calls.toLocaleString('en')],
      ['prepares', statement.prepares.toLocaleString('en')],
      ['rows', statement.rows.toLocaleString('en')],
      ['received', `${statement.R.bytes.toLocaleString('en')} bytes`],
      ['sent', `${statement.S.bytes.toLocaleString('en')} bytes`],
      ['round trips', statement.roundtrips.toLocaleString('en')],
      [
        'ended',
        Object.entries(statement.outcomes)
          .filter(([, count]) => count > 0)
          .map(([how, count]) => `${how} ${count}`)
          .join(', ') || '–',
      ],
      ['duration, p50 p95 p99 max', [d.p50, d.p95, d.p99, d.max].map(formatDuration).join(' ')],
      ['sent per call, p50 p95 p99 max', [sent.p50, sent.p95, sent.p99, sent.max].map(formatBytes).join(' ')],
      [
        'received per call, p50 p95 p99 max',
        [received.p50, received.p95, received.p99, received.max].map(formatBytes).join(' '),
      ],
      ['until the first byte', formatDuration(statement.first_byte_us)],
      ['client stall', formatDuration(statement.client_stall_us)],
      ['server stall', formatDuration(statement.server_stall_us)],
      ['client wait', formatDuration(statement.client_wait_us)],
    ]),
  ];
}

function take(figures: PageFigures, before: PageFigures | null): void {
  const now = before === null ? null : ratesBetween(before, figures);
  if (now !== null) chart.add(Date.parse(figures.at) / 1000, now.received, now.sent);
  if (paused) return;
  if (now !== null) rates = now;
  latest = figures;
  show();
}

function say(text: string, lost: boolean): void {
  byId('state').textContent = text;
  byId('state').classList.toggle('lost', lost);
}

function listen(): void {
  const events = new EventSource('/api/events');
  let newest: PageFigures | null = null;
  events.addEventListener('message', ({ data }: MessageEvent<string>) => {
    const before = newest;
    // What the server sends is what this page was made for: they are one package.
    const figures: PageFigures = JSON.parse(data);
    newest = figures;
    const since = figures.started_at.slice(0, 19).replace('T', ' ');
    say(`${paused ? 'paused' : 'live'} · pgnetflow ${figures.version} · since ${since}`, false);
    take(figures, before);
  });
  events.addEventListener('error', () => say('no answer from pgnetflow: what is shown is old', true));
}

function togglePause(): void {
  paused = !paused;
  byId('pause').setAttribute('aria-pressed', String(paused));
}

const filter = byId('filter');
if (!(filter instanceof HTMLInputElement)) throw new Error('the filter is no input');
filter.value = state.filter;
filter.addEventListener('input', () => change({ filter: filter.value }));
byId('filter-form').addEventListener('submit', (event) => event.preventDefault());
byId('pause').addEventListener('click', togglePause);
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Escape') {
    if (document.activeElement === filter) filter.blur();
    else change({ open: null });
    return;
  }
  if (document.activeElement === filter) return;
  const chosen = TABS[Number(event.key) - 1];
  if (event.key === '/') {
    event.preventDefault();
    filter.focus();
  } else if (event.key === 'p') togglePause();
  else if (chosen !== undefined) change({ view: chosen.name, order: null, open: null });
});

show();
listen();
