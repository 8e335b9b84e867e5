/** What a key is called where plain maps hold it: its database and its bytes, one character per byte. */
import { bytesOfLatin1, latin1 } from '../base/bytes.ts';

export function nameOf(databaseNumber: number, bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(databaseNumber) + latin1(bytes, start, end);
}

export function databaseOfName(name: string): number {
  return name.charCodeAt(0);
}

export function keyOfName(name: string): Uint8Array {
  return bytesOfLatin1(name.slice(1));
}
