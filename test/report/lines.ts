/** The lines of a text by the strictest reader: any control character but the tab, and the Unicode separators, end one. */
export function strictLines(text: string): string[] {
  return text.split(/(?!\t)[\p{Cc}\p{Zl}\p{Zp}]/u);
}
