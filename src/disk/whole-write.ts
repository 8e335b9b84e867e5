/** What a disk means by taking fewer bytes than it was given, said once for all who write files. */
import { failure, success } from '../base/result.ts';
import type { DiskFault, DiskResult, DiskWriter } from './disk.ts';

export function diskFull(path: string): DiskFault {
  return { code: 'ENOSPC', message: `ENOSPC: no space left on device '${path}'` };
}

/** All of the range, or a fault; after one a part of it may be in the file. */
export function writeWhole(file: DiskWriter, bytes: Uint8Array, start: number, end: number): DiskResult<void> {
  const written = file.write(bytes, start, end);
  if (!written.ok) return written;
  return written.value < end - start ? failure(diskFull(file.path)) : success(undefined);
}
