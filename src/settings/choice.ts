import { nearest } from './nearest.ts';

export function choice<const T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((one) => one === text);
    if (found !== undefined) return found;
    const meant = nearest(text, choices);
    const hint = meant === null ? '' : `; did you mean ${meant}?`;
    throw new Error(`"${text}" is none of ${choices.join(', ')}${hint}`);
  };
}

const SWITCH: Readonly<Record<string, boolean>> = {
  true: true,
  on: true,
  yes: true,
  1: true,
  false: false,
  off: false,
  no: false,
  0: false,
};

export function isOnOrOff(text: string): boolean {
  return SWITCH[text.toLowerCase()] !== undefined;
}

export function onOrOff(text: string): boolean {
  const value = SWITCH[text.toLowerCase()];
  if (value === undefined) throw new Error(`"${text}" is neither true nor false`);
  return value;
}

/** Any text but none at all. */
export function path(text: string): string {
  if (text === '') throw new Error('no file is named');
  return text;
}
