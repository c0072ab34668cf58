/** Why a file that a setting names cannot be read, and what to do: behind the name of the file. */
export function unreadableFile(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file; check the path';
    case 'EISDIR':
      return 'it is a directory; name the file in it';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not read it; ask its owner to let this user or its group read it';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
