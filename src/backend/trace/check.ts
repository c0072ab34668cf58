import type { TraceBooks } from './books.ts';
import { CLOG, DEFAULT_PAGE_BYTES, IDS_PER_BYTE, SLRUS } from './slru.ts';

/** What a server's own statistics said at one moment. */
export interface ServerCounts {
  /** The next transaction id, with its epoch. */
  readonly nextId: number;
  /** pg_stat_slru.blks_written by name. */
  readonly slruWritten: ReadonlyMap<string, number>;
  /** pg_stat_checkpointer.slru_written; null before version 18. */
  readonly checkpointerWritten: number | null;
}

/** An SLRU's pages as traced, and as the server counts them. */
export interface SlruCheck {
  slru: string;
  pages: number;
  different_pages: number;
  new_pages: number;
  /** Pages by the kind of the process that wrote them. */
  by: Record<string, number>;
  /** The difference in pg_stat_slru.blks_written; null when nobody asked. */
  server_pages: number | null;
  verdict: 'agrees' | 'explained' | 'differs' | 'unchecked';
}

/** Whether as many pages of the commit log were written as ids were consumed. */
export interface ClogCheck {
  ids: number | null;
  ids_per_page: number;
  pages: number;
  different_pages: number;
  new_pages: number;
  verdict: 'agrees' | 'fewer' | 'more' | 'unchecked';
}

export interface Checks {
  slru: SlruCheck[];
  clog: ClogCheck;
  /** The difference in pg_stat_checkpointer.slru_written, and the pages that the checkpointer was seen to write. */
  checkpointer: { server_pages: number; pages: number; verdict: 'agrees' | 'differs' } | null;
}

export const CHECKPOINTER = 'checkpointer';

/** Compares the books with what the server said before and after; both null when nobody asked it. */
export function check(books: TraceBooks, before: ServerCounts | null, after: ServerCounts | null): Checks {
  const slru = SLRUS.flatMap(({ directory, names }): SlruCheck[] => {
    const by = pagesByKind(books, directory);
    const pages = sum(Object.values(by));
    const newPages = sum(books.entries.map(({ tally }) => tally.slru_new[directory] ?? 0));
    const serverPages = difference(names, before, after);
    if (pages === 0 && newPages === 0 && (serverPages ?? 0) === 0) return [];
    const verdict = slruVerdict(pages, by[CHECKPOINTER] ?? 0, serverPages);
    const differentPages = books.differentPages(directory);
    return [
      {
        slru: directory,
        pages,
        different_pages: differentPages,
        new_pages: newPages,
        by,
        server_pages: serverPages,
        verdict,
      },
    ];
  });
  return {
    slru,
    clog: checkClog(books, before, after),
    checkpointer: checkCheckpointer(books, before, after),
  };
}

function checkClog(books: TraceBooks, before: ServerCounts | null, after: ServerCounts | null): ClogCheck {
  const ids = before === null || after === null ? null : after.nextId - before.nextId;
  const idsPerPage = (books.pageBytes ?? DEFAULT_PAGE_BYTES) * IDS_PER_BYTE;
  const pages = sum(Object.values(pagesByKind(books, CLOG)));
  const differentPages = books.differentPages(CLOG);
  return {
    ids,
    ids_per_page: idsPerPage,
    pages,
    different_pages: differentPages,
    new_pages: sum(books.entries.map(({ tally }) => tally.slru_new[CLOG] ?? 0)),
    verdict: ids === null ? 'unchecked' : clogVerdict(differentPages, ids / idsPerPage),
  };
}

/** The first and the last page of a range of ids are filled in part. */
function clogVerdict(pages: number, filled: number): ClogCheck['verdict'] {
  if (Math.abs(pages - filled) <= 1) return 'agrees';
  return pages < filled ? 'fewer' : 'more';
}

/** The checkpointer adds what it wrote to pg_stat_slru only when it ends (measured on 15 and 18). */
function slruVerdict(
  pages: number,
  ofCheckpointer: number,
  serverPages: number | null,
): SlruCheck['verdict'] {
  if (serverPages === null) return 'unchecked';
  if (serverPages === pages) return 'agrees';
  return serverPages === pages - ofCheckpointer ? 'explained' : 'differs';
}

function checkCheckpointer(
  books: TraceBooks,
  before: ServerCounts | null,
  after: ServerCounts | null,
): Checks['checkpointer'] {
  const was = before?.checkpointerWritten ?? null;
  const is = after?.checkpointerWritten ?? null;
  if (was === null || is === null) return null;
  const pages = sum(SLRUS.map(({ directory }) => pagesByKind(books, directory)[CHECKPOINTER] ?? 0));
  return { server_pages: is - was, pages, verdict: is - was === pages ? 'agrees' : 'differs' };
}

function pagesByKind(books: TraceBooks, directory: string): Record<string, number> {
  const by: Record<string, number> = {};
  for (const { process, tally } of books.entries) {
    const pages = tally.slru_pages[directory] ?? 0;
    const { kind } = process.identity;
    if (pages > 0) by[kind] = (by[kind] ?? 0) + pages;
  }
  return by;
}

function difference(
  names: readonly string[],
  before: ServerCounts | null,
  after: ServerCounts | null,
): number | null {
  if (before === null || after === null) return null;
  const name = names.find((one) => after.slruWritten.has(one));
  if (name === undefined) return null;
  return (after.slruWritten.get(name) ?? 0) - (before.slruWritten.get(name) ?? 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
