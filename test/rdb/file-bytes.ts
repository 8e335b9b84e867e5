/** RDB files put together byte by byte, as the layout says and without a line of the writer. Text is latin1: a character a byte. */
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { Crc64 } from '../../src/rdb/crc64.ts';

export function bytes(...values: readonly number[]): string {
  return String.fromCharCode(...values);
}

export function littleEndian(value: bigint | number, count: number): string {
  let rest = BigInt.asUintN(8 * count, BigInt(value));
  let text = '';
  for (let i = 0; i < count; i++, rest >>= 8n) text += bytes(Number(rest & 255n));
  return text;
}

export function bigEndian(value: bigint | number, count: number): string {
  return littleEndian(value, count).split('').reverse().join('');
}

/** A length in the shortest form. */
export function length(value: number): string {
  if (value < 64) return bytes(value);
  if (value < 16_384) return bytes(0x40 | (value >> 8), value & 255);
  return value < 2 ** 32 ? `\x80${bigEndian(value, 4)}` : `\x81${bigEndian(value, 8)}`;
}

/** A string as its bytes. */
export function string(text: string): string {
  return length(text.length) + text;
}

export function strings(...texts: readonly string[]): string {
  return length(texts.length) + texts.map(string).join('');
}

const END = '\xff';

export function select(database: number): string {
  return `\xfe${length(database)}`;
}

/** A key in front of a value, of which `body` begins with the type. */
export function entry(key: string, body: string): string {
  return body.slice(0, 1) + string(key) + body.slice(1);
}

/** Header, items, end, and from version 5 on the checksum. */
export function file(version: number | string, ...items: readonly string[]): Uint8Array {
  const digits = String(version).padStart(4, '0');
  const text = `REDIS${digits}${items.join('')}${END}`;
  return Number(version) < 5 ? bytesOfLatin1(text) : summed(bytesOfLatin1(text));
}

/** With the sum of all the bytes behind them. */
function summed(content: Uint8Array): Uint8Array {
  const whole = new Uint8Array(content.length + 8);
  whole.set(content);
  new Crc64().update(content, 0, content.length).write(whole, content.length);
  return whole;
}

/** A file whose content was changed, with the sum that it has now. */
export function resummed(changed: Uint8Array): Uint8Array {
  return summed(changed.subarray(0, Math.max(0, changed.length - 8)));
}

export function shown(content: Uint8Array): string {
  return JSON.stringify(latin1(content));
}
