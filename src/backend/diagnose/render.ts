import { escapeCell, escapeLine } from '../../report/escape.ts';
import { formatBytes, formatDuration } from '../../report/units.ts';
import { STATE_NAMES } from './process_status.ts';
import type { DiagnosisRecord, FactsRecord, RowRecord, SampleRecord } from './record.ts';

/** Lines are no longer where they can be broken. */
const WIDTH = 79;
const LABEL_WIDTH = 12;
const QUERY_CHARACTERS = 100;

/** What is shown of a diagnosis: a label, and one line or several. */
type Entry = readonly [label: string, ...lines: string[]];

/** The diagnosis for people; whole lines. */
export function renderDiagnosis(record: DiagnosisRecord): string {
  const { facts, absent } = record;
  const entries: Entry[] = [
    ['verdict', record.verdict],
    ['', record.sentence],
    ['advice', record.advice],
    ...(facts === null
      ? []
      : [['process', `${record.pid} ${facts.title ?? ''}`] as const, ...factEntries(facts)]),
    ...absent.map(({ fact, why }, at) => [at === 0 ? 'not known' : '', `${fact}: ${why}`] as const),
  ];
  return entries
    .flatMap(layOut)
    .map((line) => `${line}\n`)
    .join('');
}

/** The facts in short, a line each: for a report that has little room. */
export function factsInShort({ facts, absent }: DiagnosisRecord): string[] {
  if (facts === null) return [];
  return [
    ...(facts.title === null ? [] : [escapeLine(facts.title)]),
    ...factEntries(facts)
      .filter(([label]) => SHORT.has(label))
      .map(([label, ...lines]) => `${label}: ${escapeLine(lines.join('; '))}`),
    ...(absent.length === 0 ? [] : [`not known: ${absent.map(({ fact }) => fact).join(', ')}`]),
  ];
}

const SHORT = new Set(['samples', 'call', 'signals', 'tcp', 'server says', 'user stack']);

/** In the order in which they are shown. */
function factEntries(facts: FactsRecord): Entry[] {
  const { samples, signals, client, tcp, activity, blockers, workers } = facts;
  const stack = facts.user_stacks.at(-1) ?? facts.user_stacks[0];
  const entries: (Entry | null)[] = [
    ['samples', samplesLine(samples)],
    facts.tracer_pid === null ? null : ['tracer', `process ${facts.tracer_pid}`],
    callEntry(samples),
    descriptorsEntry(facts),
    facts.kernel_stack === null || facts.kernel_stack.length === 0
      ? wchanEntry(samples)
      : ['kernel', facts.kernel_stack.join(' < ')],
    ['signals', `pending ${names(signals.pending)}; blocked ${names(signals.blocked)}`],
    ['', `ignored ${names(signals.ignored)}; caught ${names(signals.caught)}`],
    client === null ? null : ['client', client],
    tcp === null
      ? null
      : [
          'tcp',
          `${tcp.state}, ${formatBytes(tcp.send_queue)} queued for the client (${formatBytes(tcp.not_sent)} not sent), ` +
            `${formatBytes(tcp.taken)} taken meanwhile, ${tcp.retransmits} retransmits, window shut ` +
            `${formatDuration(tcp.rwnd_limited_ms * 1000)} of ${formatDuration(tcp.busy_ms * 1000)}`,
        ],
    activity === null ? null : ['server says', rowText(activity)],
    ...(blockers ?? []).map((row): Entry => ['blocked by', `${row.pid}: ${rowText(row)}`]),
    ...(workers ?? []).map((row): Entry => ['worker', `${row.pid}: ${rowText(row)}`]),
    stack === null || stack === undefined
      ? null
      : ['user stack', `${stack.join(' < ')}${moved(facts.user_stacks)}`],
  ];
  return entries.filter((entry) => entry !== null);
}

function samplesLine(samples: readonly SampleRecord[]): string {
  const last = samples.at(-1)!;
  const states = [...new Set(samples.map(({ state }) => state))].map((state) => {
    const found = samples.filter((sample) => sample.state === state).length;
    return `${found} × ${state} (${STATE_NAMES[state] ?? 'unknown'})`;
  });
  const figures =
    samples.length === 1
      ? ''
      : ` in ${last.at_ms} ms; CPU ${last.user_ms} ms own + ${last.system_ms} ms kernel; switches ` +
        `${last.voluntary_switches} voluntary, ${last.involuntary_switches} not`;
  return `${states.join(', ')}${figures}`;
}

function callEntry(samples: readonly SampleRecord[]): Entry | null {
  const calls = [...new Set(samples.map(({ call }) => call))].filter((call) => call !== null);
  return calls.length === 0 ? null : ['call', calls.map((call) => CALLS[call] ?? call).join(', then ')];
}

/** What stands in a record for no call. */
const CALLS: Readonly<Record<string, string>> = {
  running: 'none: it runs its own code',
  none: 'none: it waits in the kernel for another reason, such as a page fault',
};

function wchanEntry(samples: readonly SampleRecord[]): Entry | null {
  const wchan = samples.at(-1)!.wchan;
  return wchan === null ? null : ['kernel', wchan];
}

function descriptorsEntry({ descriptors }: FactsRecord): Entry | null {
  if (descriptors === null || descriptors.length === 0) return null;
  return ['descriptor', ...descriptors.map(({ fd, what }) => `${fd} = ${what}`)];
}

function names(signals: readonly string[]): string {
  return signals.length === 0 ? 'none' : signals.join(' ');
}

function rowText({
  state,
  wait_event_type: type,
  wait_event: event,
  query,
  backend_type,
}: RowRecord): string {
  const wait = type === null ? 'no wait event' : `${type}: ${event ?? '?'}`;
  const text = escapeCell(query ?? '');
  const shown = text.length > QUERY_CHARACTERS ? `${text.slice(0, QUERY_CHARACTERS - 1)}…` : text;
  return [state ?? backend_type ?? 'no state', wait, ...(shown === '' ? [] : [`"${shown}"`])].join(', ');
}

function moved(stacks: FactsRecord['user_stacks']): string {
  const [before, after] = stacks;
  if (before === null || after === null || before === undefined || after === undefined) return '';
  return before.join() === after.join() ? ' (the same before and after)' : ' (it moved meanwhile)';
}

function layOut([label, ...lines]: Entry): string[] {
  const broken = lines.flatMap((line) => breakLine(escapeLine(line), WIDTH - LABEL_WIDTH));
  return broken.map((line, at) => `${(at === 0 ? label : '').padEnd(LABEL_WIDTH)}${line}`.trimEnd());
}

/** At blanks only: a word that is longer stays whole. */
function breakLine(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
