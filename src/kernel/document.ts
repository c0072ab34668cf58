import { CAUSES } from './causes.ts';

/** The table of causes in `docs/kernel.md`. */
export function causesTable(): string {
  const rows = Object.entries(CAUSES).map(
    ([code, { verdict, describe }]) => `| \`${code}\` | \`${verdict}\` | ${describe} |`,
  );
  return ['| cause | verdict | when |', '| --- | --- | --- |', ...rows].join('\n');
}
