const KIB = 1024;
const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** A size in at most 7 characters: `612B`, `9.8KiB`, `547MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < SIZE_UNITS.length - 1) {
    value /= KIB;
    unit += 1;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)}${SIZE_UNITS[unit]}`;
}

/** A duration in at most 6 characters up to 99 days: `0`, `850us`, `259ms`, `4.20s`, `12m05s`, `3h02m`, `41d06h`. */
export function formatDuration(us: number): string {
  if (us === 0) return '0';
  if (us < 1000) return `${Math.round(us)}us`;
  if (us < 999_500) return `${us < 9950 ? (us / 1000).toFixed(1) : Math.round(us / 1000)}ms`;
  const seconds = us / 1_000_000;
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 9.995 ? 2 : 1)}s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return twoUnits(whole, 60, 'm', 's');
  const minutes = Math.round(seconds / 60);
  return minutes < 24 * 60
    ? twoUnits(minutes, 60, 'h', 'm')
    : twoUnits(Math.round(minutes / 60), 24, 'd', 'h');
}

/** How many per second, whole; 0 over no time. */
export function perSecond(amount: number, us: number): number {
  return us > 0 ? Math.floor((amount * 1_000_000) / us) : 0;
}

/** Whole KiB, rounded down. */
export function wholeKib(bytes: number): number {
  return Math.floor(bytes / KIB);
}

function twoUnits(amount: number, base: number, large: string, small: string): string {
  return `${Math.floor(amount / base)}${large}${String(amount % base).padStart(2, '0')}${small}`;
}
