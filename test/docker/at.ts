/** What stands in parsed JSON or YAML under these keys, one inside the other; undefined when there is no such place. */
export function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((inner, key) => (isRecord(inner) ? inner[key] : undefined), value);
}

/** The keys of a mapping, sorted; none when it is no mapping. */
export function keysOf(value: unknown): string[] {
  return isRecord(value) ? Object.keys(value).toSorted() : [];
}

/** A sequence of texts; none when it is no such thing. */
export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
