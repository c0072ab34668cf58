const DEALLOCATE = /^\s*DEALLOCATE\s+(?:PREPARE\s+)?(?:"((?:[^"]|"")+)"|([^\s;"]+))\s*;?\s*$/i;

/**
 * Which prepared statements a completed SQL command has dropped: they share their names with those of the extended
 * protocol.
 *
 * @param tag command tag
 * @param sql text of the Query or Execute that it answers
 * @returns the name, null for all, undefined for none or when it cannot be told
 */
export function deallocated(tag: string, sql: string): string | null | undefined {
  if (tag === 'DEALLOCATE ALL' || tag === 'DISCARD ALL') return null;
  if (tag !== 'DEALLOCATE') return undefined;
  const match = DEALLOCATE.exec(sql);
  if (match === null) return undefined;
  return match[1]?.replaceAll('""', '"') ?? match[2]?.toLowerCase();
}
