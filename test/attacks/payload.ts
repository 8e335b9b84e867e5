/** DUMP payloads made by hand, byte by byte, so that they can be wrong in one place and right in all others. */
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { Crc64 } from '../../src/rdb/crc64.ts';

const FOOTER_BYTES = 10;
const VERSION = 10;

/** Big endian, as lengths are. */
function big(value: number, bytes: number): string {
  return Array.from({ length: bytes }, (_, i) =>
    String.fromCharCode(Number((BigInt(value) >> BigInt(8 * (bytes - 1 - i))) & 255n)),
  ).join('');
}

/** Little endian, as everything else. */
export function little(value: number | bigint, bytes: number): string {
  return Array.from({ length: bytes }, (_, i) =>
    String.fromCharCode(Number((BigInt(value) >> BigInt(8 * i)) & 255n)),
  ).join('');
}

export function length(value: number): string {
  if (value < 64) return big(value, 1);
  return value < 16_384 ? big(0x4000 + value, 2) : `\x80${big(value, 4)}`;
}

export function text(bytes: string): string {
  return length(bytes.length) + bytes;
}

export function double(value: number): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return latin1(bytes, 0, 8);
}

/** Version and checksum behind a type and its value. */
export function sealed(type: number, value: string, version = VERSION): string {
  const bytes = bytesOfLatin1(String.fromCharCode(type) + value + little(version, 2));
  const sum = new Uint8Array(8);
  new Crc64().update(bytes, 0, bytes.length).write(sum, 0);
  return latin1(bytes, 0, bytes.length) + latin1(sum, 0, 8);
}

/** The type and the value of a payload that is good. */
export function opened(payload: string): { readonly type: number; readonly value: string } {
  return { type: payload.charCodeAt(0), value: payload.slice(1, -FOOTER_BYTES) };
}

/** A listpack of short strings and small integers; what it says of itself can be made a lie. */
export function listpack(elements: readonly (string | number)[], lie: { bytes?: number; count?: number } = {}): string {
  const entries = elements.map((element) => {
    const body =
      typeof element === 'number' ? String.fromCharCode(element) : String.fromCharCode(0x80 + element.length) + element;
    return body + String.fromCharCode(body.length);
  });
  const total = 6 + entries.join('').length + 1;
  return `${little(lie.bytes ?? total, 4)}${little(lie.count ?? elements.length, 2)}${entries.join('')}\xff`;
}

export function intset(width: number, values: readonly number[], count = values.length): string {
  return (
    little(width, 4) +
    little(count, 4) +
    values.map((value) => little(BigInt.asUintN(64, BigInt(value)), width)).join('')
  );
}

/** Runs of LZF that make `bytes` bytes of one letter, three of them for each 264. */
export function expanding(bytes: number): string {
  let runs = '\x00a';
  let made = 1;
  for (; made + 264 <= bytes; made += 264) runs += '\xe0\xff\x00';
  for (; made < bytes; made++) runs += '\x00a';
  return runs;
}

/** A compressed string: what it claims to become, and what it is. */
export function compressed(claimed: string, runs: string): string {
  return `\xc3${length(runs.length)}${claimed}${runs}`;
}
