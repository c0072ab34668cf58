/** Kinds of types, as the kernel numbers them (include/uapi/linux/btf.h). */
const FUNC = 12;
const FUNC_PROTO = 13;

/** Bytes that follow a type of each kind, by its number: so many, and so many for each member. */
const TRAILING: readonly (readonly [fixed: number, perMember: number])[] = [
  [0, 0], // void
  [4, 0], // INT
  [0, 0], // PTR
  [12, 0], // ARRAY
  [0, 12], // STRUCT
  [0, 12], // UNION
  [0, 8], // ENUM
  [0, 0], // FWD
  [0, 0], // TYPEDEF
  [0, 0], // VOLATILE
  [0, 0], // CONST
  [0, 0], // RESTRICT
  [0, 0], // FUNC, whose number of members is its linkage
  [0, 8], // FUNC_PROTO
  [4, 0], // VAR
  [0, 12], // DATASEC
  [0, 0], // FLOAT
  [4, 0], // DECL_TAG
  [0, 0], // TYPE_TAG
  [0, 12], // ENUM64
];

const MAGIC = 0xeb9f;
const TYPE_BYTES = 12;

/**
 * The names of a function's arguments, as the kernel's types (BTF, in the byte order of this machine) tell them.
 *
 * @returns null when there is no such function, or a kind of type that this does not know before it
 */
export function argumentsIn(btf: Buffer, name: string): string[] | null {
  const view = new DataView(btf.buffer, btf.byteOffset, btf.byteLength);
  const little = view.getUint16(0, true) === MAGIC;
  const word = (at: number): number => view.getUint32(at, little);
  if (view.getUint16(0, little) !== MAGIC) return null;
  const header = word(4);
  const types = header + word(8);
  const strings = header + word(16);
  const text = (offset: number): string => {
    const begin = strings + offset;
    return btf.toString('latin1', begin, btf.indexOf(0, begin));
  };

  /** Where each type begins, by its number. */
  const starts = [0];
  let prototype = 0;
  for (let at = types; at < types + word(12);) {
    const info = word(at + 4);
    const kind = (info >>> 24) & 31;
    const trailing = TRAILING[kind];
    if (trailing === undefined) return null;
    starts.push(at);
    if (kind === FUNC && text(word(at)) === name) prototype = word(at + 8);
    at += TYPE_BYTES + trailing[0] + trailing[1] * (info & 0xffff);
  }

  const start = starts[prototype] ?? 0;
  if (start === 0) return null;
  const info = word(start + 4);
  if (((info >>> 24) & 31) !== FUNC_PROTO) return null;
  return Array.from({ length: info & 0xffff }, (_, index) => text(word(start + TYPE_BYTES + 8 * index)));
}
