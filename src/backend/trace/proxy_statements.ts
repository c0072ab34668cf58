/** A statement as a proxy saw it: from the client's first byte to the last byte of the answer. */
export interface ProxyStatement {
  readonly backendPid: number;
  readonly session: number;
  readonly seq: number;
  /** Maybe cut. */
  readonly query: string | null;
  /** Microseconds since 1970; the end is Infinity for a statement that had not ended. */
  readonly startedUs: number;
  readonly endedUs: number;
}

/** A session of a proxy and the backend behind it. */
export interface ProxySession {
  readonly id: number;
  readonly backendPid: number | null;
  readonly hasEnded: boolean;
}

/** A proxy's timestamps are cut to milliseconds, and its clock was set at another moment than ours. */
const CLOCKS_DIFFER_US = 5000;

/** Finds the proxy's statement that made a backend run its own. */
export class ProxyStatements {
  readonly #byPid = new Map<number, ProxyStatement[]>();

  constructor(statements: readonly ProxyStatement[]) {
    for (const statement of statements.toSorted((one, other) => one.startedUs - other.startedUs)) {
      const list = this.#byPid.get(statement.backendPid);
      if (list === undefined) this.#byPid.set(statement.backendPid, [statement]);
      else list.push(statement);
    }
  }

  /**
   * Joins by backend and time. Statements of a pipeline overlap in the proxy's time, as all were sent before the first
   * was answered: then the text decides, and, among equals, that the server answers in the order of the requests.
   *
   * @param atUs when the backend's statement began, microseconds since 1970
   * @param query its text, maybe cut, or null
   */
  find(pid: number, atUs: number, query: string | null): ProxyStatement | null {
    const near = (this.#byPid.get(pid) ?? []).filter(
      ({ startedUs, endedUs }) => startedUs - CLOCKS_DIFFER_US <= atUs && atUs <= endedUs + CLOCKS_DIFFER_US,
    );
    const same = near.filter((statement) => sameBeginning(statement.query, query));
    const candidates = same.length > 0 ? same : near;
    return candidates.find(({ endedUs }) => endedUs >= atUs) ?? candidates.at(-1) ?? null;
  }
}

function sameBeginning(one: string | null, other: string | null): boolean {
  if (one === null || other === null) return false;
  const length = Math.min(one.length, other.length);
  return length > 0 && one.slice(0, length) === other.slice(0, length);
}
