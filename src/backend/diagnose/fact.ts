/** Something that was looked for: what it is, or why it could not be had, as one clause without a full stop. */
export type Fact<T> =
  { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };

export function known<T>(value: T): Fact<T> {
  return { known: true, value };
}

export function absent(why: string): Fact<never> {
  return { known: false, why };
}

/** Its value; null when it could not be had. */
export function valueOf<T>(fact: Fact<T>): T | null {
  return fact.known ? fact.value : null;
}

/** What follows from a fact; what is absent stays so, for the same reason. */
export function mapFact<T, U>(fact: Fact<T>, derive: (value: T) => U): Fact<U> {
  return fact.known ? known(derive(fact.value)) : fact;
}
