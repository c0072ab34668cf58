import { formatBytes } from '../../report/units.ts';
import type { PageFigures } from '../page_model.ts';
import { byId, element } from './dom.ts';

/** Of two moments. */
export interface Rates {
  /** Bytes per second. */
  readonly received: number;
  readonly sent: number;
  readonly roundtrips: number;
}

/** What moved per second between two moments; null when they are the same. */
export function ratesBetween(before: PageFigures, now: PageFigures): Rates | null {
  const seconds = (Date.parse(now.at) - Date.parse(before.at)) / 1000;
  if (!(seconds > 0)) return null;
  const perSecond = (of: (figures: PageFigures) => number): number =>
    Math.max(of(now) - of(before), 0) / seconds;
  return {
    received: perSecond(({ totals }) => totals.R.bytes),
    sent: perSecond(({ totals }) => totals.S.bytes),
    roundtrips: perSecond(({ databases }) => databases.reduce((sum, one) => sum + one.roundtrips, 0)),
  };
}

/** The figures at the top. */
export function showSummary(figures: PageFigures, rates: Rates | null): void {
  const { totals, unbalanced } = figures;
  const perSecond = (bytes: number | undefined): string =>
    bytes === undefined ? '–' : `${formatBytes(bytes)}/s`;
  const cells: [name: string, value: string, className?: string][] = [
    ['received now', perSecond(rates?.received), 'received'],
    ['sent now', perSecond(rates?.sent), 'sent'],
    ['round trips now', rates === null ? '–' : `${Math.round(rates.roundtrips).toLocaleString('en')}/s`],
    ['active sessions', `${figures.active_sessions} of ${figures.open_sessions}`],
    ['received in all', formatBytes(totals.R.bytes)],
    ['sent in all', formatBytes(totals.S.bytes)],
    ['books', unbalanced === 0 ? 'balanced' : `${unbalanced} UNBALANCED`, unbalanced === 0 ? 'good' : 'bad'],
  ];
  byId('summary').replaceChildren(
    ...cells.map(([name, value, className = '']) =>
      element('dl', '', element('dt', '', name), element('dd', className, value)),
    ),
  );
}
