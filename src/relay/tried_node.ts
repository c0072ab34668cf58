/** Major versions of Node that what is no public API was tried with: what another one makes of it, nobody knows. */
const TRIED = { from: 20, to: 26 } as const;

/** Whether a version of Node is one of these. */
export function wasTried(version: string): boolean {
  const major = Number.parseInt(version, 10);
  return major >= TRIED.from && major <= TRIED.to;
}
