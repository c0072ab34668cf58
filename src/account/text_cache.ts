/** Short texts that were asked for last, by their lengths. */
const RECENT = 64;
const MAX_RECENT_CHARACTERS = 1024;

interface Recent<Value> {
  readonly text: string;
  readonly value: Value;
}

/**
 * Remembers what was found out about a text. It has two generations: when the young one is full it becomes the old
 * one, whose texts are forgotten at the next change unless they are asked for. So a hit costs one look-up, and what is
 * used often stays.
 */
export class TextCache<Value> {
  readonly #maxTexts: number;
  readonly #maxCharacters: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();
  readonly #recent: (Recent<Value> | null)[] = Array.from({ length: RECENT }, () => null);
  /** Characters of the young texts. */
  #characters = 0;

  /** Limits of one generation. */
  constructor(maxTexts: number, maxCharacters: number) {
    this.#maxTexts = maxTexts;
    this.#maxCharacters = maxCharacters;
  }

  /**
   * As {@link get}, for texts that were asked for a moment ago: without hashing, which others would cost in vain. Such a
   * hit keeps the text in neither generation.
   */
  getRecent(text: string): Value | undefined {
    const recent = this.#recent[text.length % RECENT]!;
    return recent?.text === text ? recent.value : undefined;
  }

  get(text: string): Value | undefined {
    const young = this.#young.get(text);
    if (young !== undefined) {
      this.#note(text, young);
      return young;
    }
    const old = this.#old.get(text);
    if (old !== undefined) this.set(text, old);
    return old;
  }

  /** A text that is longer than a generation may be is not remembered. */
  set(text: string, value: Value): void {
    if (text.length > this.#maxCharacters) return;
    if (this.#young.has(text)) this.#characters -= text.length;
    else if (this.#young.size >= this.#maxTexts) this.#age();
    if (this.#characters + text.length > this.#maxCharacters) this.#age();
    this.#young.set(text, value);
    this.#characters += text.length;
    this.#note(text, value);
  }

  #note(text: string, value: Value): void {
    if (text.length <= MAX_RECENT_CHARACTERS) this.#recent[text.length % RECENT] = { text, value };
  }

  #age(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#characters = 0;
  }
}
