import type { FlowRecord } from '../../report/model.ts';
import { formatBytes } from '../../report/units.ts';
import { element } from './dom.ts';

/** Who moves what: to the left what the server received, to the right what it sent, both on the scale of the largest. */
export function flowBar(
  R: Pick<FlowRecord, 'bytes'>,
  S: Pick<FlowRecord, 'bytes'>,
  largest: number,
): HTMLElement {
  return element(
    'div',
    'bar',
    element('span', 'received', formatBytes(R.bytes)),
    half(R.bytes, largest),
    half(S.bytes, largest),
    element('span', 'sent', formatBytes(S.bytes)),
  );
}

function half(bytes: number, largest: number): HTMLElement {
  const part = element('i', '');
  part.style.width = `${largest > 0 ? (100 * bytes) / largest : 0}%`;
  return element('span', 'half', part);
}
