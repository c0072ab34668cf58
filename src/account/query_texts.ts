import type { QueryText } from '../wire/frontend_bodies.ts';
import { visibleBytes } from '../wire/encodings.ts';
import { normalize } from './normalize.ts';
import { withoutSecrets } from './secrets.ts';

/** What of SQL texts leaves pgnetflow: as they were sent, but for passwords; without their constants; nothing. */
export const QUERY_TEXTS = ['raw', 'normalized', 'none'] as const;
export type QueryTexts = (typeof QUERY_TEXTS)[number];

/** A text as it may be shown; null: there is none. */
export function shownText(query: QueryText | null, texts: QueryTexts): string | null {
  if (query === null || texts === 'none') return null;
  return visibleBytes(texts === 'raw' ? withoutSecrets(query.text) : normalize(query.text, query.truncated));
}
