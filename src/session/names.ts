import type { QueryText } from '../wire/frontend_bodies.ts';
import type { Aftermath } from './expectation_queue.ts';
import type { Statement } from './statement.ts';

/** A prepared statement of the extended protocol. */
export interface Prepared {
  readonly query: QueryText | null;
  /** The statement that parsed or described it last, which a Bind of the same pipeline still belongs to. */
  origin: Statement | null;
}

/**
 * Names remembered per session, and characters of the SQL of its prepared statements. Beyond that the oldest are
 * forgotten, and show no SQL any more.
 */
const MAX_NAMES = 16_384;
const MAX_CHARACTERS = 4 * 1024 * 1024;

/**
 * Prepared statements and portals by name, as the client's messages define them, in the order of its messages.
 * The unnamed ones have the name ''.
 */
export class Names {
  /** Made when there is one to remember: many sessions never use the extended protocol. */
  #prepared: Map<string, Prepared> | null = null;
  #portals: Map<string, Statement> | null = null;
  /** The portal that most clients use for everything. */
  #unnamedPortal: Statement | undefined = undefined;
  /** Of the texts of all prepared statements. */
  #characters = 0;

  prepared(name: string): Prepared | undefined {
    return this.#prepared?.get(name);
  }

  portal(name: string): Statement | undefined {
    return name === '' ? this.#unnamedPortal : this.#portals?.get(name);
  }

  /** Defines a prepared statement. @returns what takes the definition back should the Parse fail */
  prepare(name: string, prepared: Prepared): Aftermath {
    const previous = this.#prepared?.get(name);
    this.#set(name, prepared);
    return new Restoration(this, name, prepared, previous);
  }

  /** Forgets a prepared statement. @returns what takes that back should the Close be skipped */
  closePrepared(name: string): Aftermath | null {
    const previous = this.#prepared?.get(name);
    if (previous === undefined) return null;
    this.#unset(name);
    return new Restoration(this, name, undefined, previous);
  }

  openPortal(name: string, statement: Statement): void {
    if (name === '') {
      this.#unnamedPortal = statement;
      return;
    }
    const portals = (this.#portals ??= new Map<string, Statement>());
    portals.set(name, statement);
    if (portals.size > MAX_NAMES) portals.delete(oldestOf(portals));
  }

  closePortal(name: string): void {
    if (name === '') this.#unnamedPortal = undefined;
    else this.#portals?.delete(name);
  }

  /** The end of a transaction has closed its portals: forgets those whose statements are done, if they are many. */
  forgetDonePortals(): void {
    if (this.#portals === null || this.#portals.size <= MANY_PORTALS) return;
    for (const [name, statement] of this.#portals) if (statement.done) this.#portals.delete(name);
  }

  /** DEALLOCATE through SQL. @param name null for all */
  deallocate(name: string | null): void {
    if (name !== null) this.#unset(name);
    else for (const one of this.#prepared?.keys() ?? []) this.#unset(one);
  }

  /** Replaces what a name stands for, unless it has come to stand for something else since. */
  restore(name: string, current: Prepared | undefined, previous: Prepared | undefined): void {
    if (this.#prepared?.get(name) !== current) return;
    if (previous === undefined) this.#unset(name);
    else this.#set(name, previous);
  }

  #set(name: string, prepared: Prepared): void {
    this.#unset(name);
    const all = (this.#prepared ??= new Map<string, Prepared>());
    all.set(name, prepared);
    this.#characters += charactersOf(prepared);
    while (all.size > MAX_NAMES || this.#characters > MAX_CHARACTERS) this.#unset(oldestOf(all));
  }

  #unset(name: string): void {
    const prepared = this.#prepared?.get(name);
    if (prepared === undefined) return;
    this.#characters -= charactersOf(prepared);
    this.#prepared?.delete(name);
  }
}

function charactersOf({ query }: Prepared): number {
  return query?.text.length ?? 0;
}

/** The key that was set first; a map keeps that order. */
function oldestOf(map: ReadonlyMap<string, unknown>): string {
  for (const key of map.keys()) return key;
  return '';
}

/** Below that it is not worth while to look which portals are gone. */
const MANY_PORTALS = 64;

/** Takes back what a Parse or Close did to a name, should the server fail or skip the message. */
class Restoration implements Aftermath {
  readonly #names: Names;
  readonly #name: string;
  readonly #current: Prepared | undefined;
  readonly #previous: Prepared | undefined;

  constructor(names: Names, name: string, current: Prepared | undefined, previous: Prepared | undefined) {
    this.#names = names;
    this.#name = name;
    this.#current = current;
    this.#previous = previous;
  }

  answered(): void {
    // The definition stands.
  }

  failed(itself: boolean): void {
    // A Parse of the unnamed statement drops the old one before it looks at the new text.
    const dropped = itself && this.#name === '';
    this.#names.restore(this.#name, this.#current, dropped ? undefined : this.#previous);
  }
}
