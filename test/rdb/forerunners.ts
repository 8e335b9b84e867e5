/** Bodies of payloads in the forms that redis-server 7.0 reads or that came later, but that it does not write. */
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { Int64, parseInt64 } from '../../src/base/int64.ts';
import { appendElement, Scratch } from '../../src/engine/listpack-element.ts';
import { RdbType } from '../../src/rdb/format.ts';
import { beginListpack, endListpack } from '../../src/rdb/ziplist.ts';
import { body, writeText } from '../support/payload.ts';

function littleEndian(value: number, bytes: number): string {
  return Array.from({ length: bytes }, (_, i) => String.fromCharCode(Math.floor(value / 256 ** i) & 255)).join('');
}

export function listpack(texts: readonly string[]): string {
  const scratch = new Scratch();
  beginListpack(scratch);
  for (const text of texts) {
    const bytes = bytesOfLatin1(text);
    appendElement(bytes, 0, bytes.length, scratch);
  }
  endListpack(texts.length, scratch);
  return latin1(scratch.bytes, 0, scratch.length);
}

const integer = new Int64();

/** What stands behind the length of the element before. */
function ziplistContent(text: string): string {
  const bytes = bytesOfLatin1(text);
  if (bytes.length > 0 && parseInt64(bytes, 0, bytes.length, integer)) {
    const { value, hi, lo } = integer;
    if (value >= 0 && value <= 12) return String.fromCharCode(0xf1 + value);
    if (value >= -128 && value <= 127) return `\xfe${littleEndian(value, 1)}`;
    if (value >= -32768 && value <= 32767) return `\xc0${littleEndian(value, 2)}`;
    if (value >= -8388608 && value <= 8388607) return `\xf0${littleEndian(value, 3)}`;
    if (hi === lo >> 31) return `\xd0${littleEndian(lo, 4)}`;
    return `\xe0${littleEndian(lo, 4)}${littleEndian(hi, 4)}`;
  }
  const { length } = text;
  if (length < 64) return String.fromCharCode(length) + text;
  if (length < 16384) return String.fromCharCode(0x40 | (length >> 8), length & 255) + text;
  return `\x80${littleEndian(length, 4).split('').reverse().join('')}${text}`;
}

export function ziplist(texts: readonly string[]): string {
  let elements = '';
  let before = 0;
  let last = 0;
  for (const text of texts) {
    last = elements.length;
    const length = before < 254 ? String.fromCharCode(before) : `\xfe${littleEndian(before, 4)}`;
    elements += length + ziplistContent(text);
    before = elements.length - last;
  }
  const total = littleEndian(11 + elements.length, 4);
  return `${total}${littleEndian(10 + last, 4)}${littleEndian(texts.length, 2)}${elements}\xff`;
}

function zipmapLength(length: number): string {
  return length < 254 ? String.fromCharCode(length) : `\xfe${littleEndian(length, 4)}`;
}

export function zipmap(pairs: readonly (readonly [string, string])[], unused = 0): string {
  const parts = pairs.map(
    ([name, value]) =>
      `${zipmapLength(name.length)}${name}${zipmapLength(value.length)}${String.fromCharCode(unused)}${value}${'?'.repeat(unused)}`,
  );
  return `${String.fromCharCode(Math.min(254, pairs.length))}${parts.join('')}\xff`;
}

/** One string behind the type byte. */
export function blobBody(type: number, blob: string): string {
  return body(type, (writer) => writeText(writer, blob));
}

export function quicklistBody(nodes: readonly (readonly string[])[]): string {
  return body(RdbType.listQuicklist, (writer) => {
    writer.writeLength(nodes.length);
    for (const node of nodes) writeText(writer, ziplist(node));
  });
}

export function listBody(texts: readonly string[]): string {
  return body(RdbType.list, (writer) => {
    writer.writeLength(texts.length);
    for (const text of texts) writeText(writer, text);
  });
}

/** Scores as texts, each behind its length; `\xff` and its like stand alone. */
export function zsetBody(pairs: readonly (readonly [string, string])[]): string {
  return body(RdbType.zsetTexts, (writer) => {
    writer.writeLength(pairs.length);
    for (const [member, score] of pairs) {
      writeText(writer, member);
      const isAlone = score.length === 1 && score.charCodeAt(0) >= 253;
      const bytes = bytesOfLatin1(isAlone ? score : String.fromCharCode(score.length) + score);
      writer.writeBytes(bytes, 0, bytes.length);
    }
  });
}
