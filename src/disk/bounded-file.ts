/** Files that are read whole, and only up to a bound. Faults do not name the file: whoever asks knows how it is called. */
import { readFileSync, statSync } from 'node:fs';
import { failure, type Result, success } from '../base/result.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A pipe or a device in place of a file would hold the process up. */
function readBounded(path: string, bytesMax: number): Result<Uint8Array> {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) return failure('is not a file');
    if (stats.size > bytesMax) return failure(`has more than ${bytesMax} bytes`);
    return success(readFileSync(path));
  } catch (error) {
    return failure(`cannot be read: ${reasonOf(error)}`);
  }
}

export function readText(path: string, bytesMax: number): Result<string> {
  const bytes = readBounded(path, bytesMax);
  if (!bytes.ok) return bytes;
  try {
    return success(decoder.decode(bytes.value));
  } catch {
    return failure('is not UTF-8');
  }
}

/** `ENOENT`, without the path that Node repeats. */
export function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
