import type { Order } from './table_view.ts';

/** What the address of the page says: so that what is seen can be sent to somebody. */
export interface AddressState {
  readonly view: string;
  readonly filter: string;
  /** Null: as the view has it. */
  readonly order: Order | null;
  /** The key of the row whose details are open. */
  readonly open: string | null;
}

export function readAddress(): AddressState {
  const words = new URLSearchParams(location.search);
  const sort = words.get('sort');
  return {
    view: words.get('view') ?? '',
    filter: words.get('filter') ?? '',
    order: sort === null ? null : { by: sort.replace(/^-/, ''), descending: sort.startsWith('-') },
    open: words.get('open'),
  };
}

export function writeAddress({ view, filter, order, open }: AddressState): void {
  const words = new URLSearchParams();
  if (view !== '') words.set('view', view);
  if (filter !== '') words.set('filter', filter);
  if (order !== null) words.set('sort', `${order.descending ? '-' : ''}${order.by}`);
  if (open !== null) words.set('open', open);
  const text = words.toString();
  history.replaceState(null, '', text === '' ? location.pathname : `?${text}`);
}
