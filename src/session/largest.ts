/**
 * Keeps the largest of all items that are added, of equal ones the earlier: a binary heap with the one to go next on
 * top. An item that is not kept costs one comparison.
 */
export class Largest<Item> {
  readonly #limit: number;
  readonly #sizeOf: (item: Item) => number;
  readonly #heap: { readonly item: Item; readonly size: number; readonly order: number }[] = [];
  #added = 0;

  constructor(limit: number, sizeOf: (item: Item) => number) {
    this.#limit = limit;
    this.#sizeOf = sizeOf;
  }

  /** Adds an item whose size is final. @returns the one that is not kept for it, or null */
  add(item: Item): Item | null {
    const size = this.#sizeOf(item);
    this.#added += 1;
    const [least] = this.#heap;
    if (this.#heap.length < this.#limit) {
      this.#heap.push({ item, size, order: this.#added });
      this.#rise(this.#heap.length - 1);
      return null;
    }
    if (least === undefined || size <= least.size) return item;
    this.#heap[0] = { item, size, order: this.#added };
    this.#sink();
    return least.item;
  }

  /** The kept ones, in the order in which they were added. */
  list(): Item[] {
    return this.#heap.toSorted((a, b) => a.order - b.order).map(({ item }) => item);
  }

  /** The kept ones, in no order. */
  *items(): Generator<Item> {
    for (const { item } of this.#heap) yield item;
  }

  get length(): number {
    return this.#heap.length;
  }

  /** Size of the one to go next; null when there is none. */
  get leastSize(): number | null {
    return this.#heap[0]?.size ?? null;
  }

  /** Sizes of all that are kept, in no order. */
  *sizes(): Generator<number> {
    for (const { size } of this.#heap) yield size;
  }

  /** Takes out the one to go next; null when there is none. */
  removeLeast(): Item | null {
    const [least] = this.#heap;
    const last = this.#heap.pop();
    if (least === undefined || last === undefined) return null;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink();
    }
    return least.item;
  }

  /** One of the kept ones. */
  find(matches: (item: Item) => boolean): Item | null {
    return this.#heap.find(({ item }) => matches(item))?.item ?? null;
  }

  #rise(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.#goesBefore(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(): void {
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let first = at;
      if (left < this.#heap.length && this.#goesBefore(left, first)) first = left;
      if (right < this.#heap.length && this.#goesBefore(right, first)) first = right;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  /** The smaller goes before the larger, the later before the earlier. */
  #goesBefore(left: number, right: number): boolean {
    const a = this.#heap[left]!;
    const b = this.#heap[right]!;
    return a.size < b.size || (a.size === b.size && a.order > b.order);
  }

  #swap(left: number, right: number): void {
    const item = this.#heap[left]!;
    this.#heap[left] = this.#heap[right]!;
    this.#heap[right] = item;
  }
}
