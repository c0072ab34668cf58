/** Removed items that are kept at most, so that to remove one does not move all behind it, as `Array.shift` does. */
const MAX_REMOVED = 1024;

/** What waits in order: to add and to take an item costs the same, however many there are. */
export class Fifo<Item> {
  #items: (Item | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** The item so many behind the next one. */
  at(index: number): Item | undefined {
    return this.#items[this.#head + index];
  }

  shift(): Item | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head > MAX_REMOVED && this.#head > this.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes away so many items behind the next one. */
  removeBehindNext(count: number): void {
    this.#items.splice(this.#head + 1, count);
  }
}
