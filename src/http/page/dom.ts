/** What stands in an element: text is never read as HTML. */
export type Content = Node | string;

/** An element with a class and contents. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  ...contents: readonly Content[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...contents);
  return made;
}

/** The element of the page with this id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element #${id}`);
  return found;
}

/** Names and what they stand for. */
export function facts(pairs: readonly (readonly [name: string, value: Content])[]): HTMLElement {
  return element(
    'dl',
    'facts',
    ...pairs.map(([name, value]) => element('div', '', element('dt', '', name), element('dd', '', value))),
  );
}
