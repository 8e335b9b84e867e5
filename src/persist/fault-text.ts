/** What the system calls a fault, in the words of strerror: what redis-server puts into its errors and logs. */
const TEXTS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'Permission denied'],
  ['EDQUOT', 'Disk quota exceeded'],
  ['EEXIST', 'File exists'],
  ['EFBIG', 'File too large'],
  ['EIO', 'Input/output error'],
  ['EISDIR', 'Is a directory'],
  ['EMFILE', 'Too many open files'],
  ['ENAMETOOLONG', 'File name too long'],
  ['ENOENT', 'No such file or directory'],
  ['ENOSPC', 'No space left on device'],
  ['ENOTDIR', 'Not a directory'],
  ['EPERM', 'Operation not permitted'],
  ['EROFS', 'Read-only file system'],
]);

export function describeCode(code: string): string {
  return TEXTS.get(code) ?? code;
}
