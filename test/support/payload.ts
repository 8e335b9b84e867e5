/** DUMP payloads in tests: sealed, opened, and shown so that two can be compared. */
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import * as intset from '../../src/engine/intset.ts';
import { next } from '../../src/engine/listpack.ts';
import { ElementView, readElement } from '../../src/engine/listpack-element.ts';
import { Crc64 } from '../../src/rdb/crc64.ts';
import { RdbType } from '../../src/rdb/format.ts';
import { Pack, readListpack } from '../../src/rdb/pack.ts';
import { RdbReader } from '../../src/rdb/reader.ts';
import { RdbWriter } from '../../src/rdb/writer.ts';

const FOOTER_BYTES = 10;
const BOUNDS = { bytesMax: 2 ** 40, room: () => true };

/** Version and checksum behind what stands for type and value. */
export function sealed(body: string, version = 10): string {
  const text = `${body}${String.fromCharCode(version & 255, version >> 8)}`;
  const bytes = bytesOfLatin1(text);
  const sum = new Uint8Array(8);
  new Crc64().update(bytes, 0, bytes.length).write(sum, 0);
  return text + latin1(sum);
}

export function bodyOf(payload: string): string {
  return payload.slice(0, -FOOTER_BYTES);
}

/** A body: its type byte, then whatever is written. */
export function body(type: number, write: (writer: RdbWriter) => void): string {
  const writer = new RdbWriter();
  writer.writeByte(type);
  write(writer);
  return latin1(writer.bytes, 0, writer.length);
}

export function writeText(writer: RdbWriter, text: string): void {
  const bytes = bytesOfLatin1(text);
  writer.writeString(bytes, 0, bytes.length);
}

function textOf(reader: RdbReader): string {
  return reader.readString() ? latin1(reader.text, reader.textStart, reader.textEnd) : 'no text';
}

function times<Item>(count: number, make: (i: number) => Item): Item[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

function listpackTexts(reader: RdbReader, isNode: boolean): string[] {
  const pack = new Pack();
  const view = new ElementView();
  const texts: string[] = [];
  if (isNode) reader.readByte();
  readListpack(reader, pack);
  for (let p = pack.first; p !== -1; p = next(pack.bytes, p)) {
    readElement(pack.bytes, p, view);
    texts.push(latin1(view.bytes, view.start, view.end));
  }
  return texts;
}

function rawOf(reader: RdbReader, bytes: number): string {
  reader.at += bytes;
  return latin1(reader.bytes, reader.at - bytes, reader.at);
}

/** Everything but times. */
function streamOf(reader: RdbReader): unknown {
  const blocks = times(reader.readLength(), () => [textOf(reader), textOf(reader)]);
  const head = times(8, () => reader.readLength());
  const groups = times(reader.readLength(), () => {
    const name = [textOf(reader), ...times(3, () => reader.readLength())];
    const pending = times(reader.readLength(), () => {
      const id = rawOf(reader, 16);
      reader.at += 8;
      return [id, reader.readLength()];
    });
    const consumers = times(reader.readLength(), () => {
      const consumer = textOf(reader);
      reader.at += 8;
      return [consumer, times(reader.readLength(), () => rawOf(reader, 16))];
    });
    return [name, pending, consumers];
  });
  return [blocks, head, groups];
}

function contentOf(reader: RdbReader, type: number): unknown {
  switch (type) {
    case RdbType.set:
      return times(reader.readLength(), () => textOf(reader)).sort();
    case RdbType.hash:
      return times(reader.readLength(), () => [textOf(reader), textOf(reader)].join('\x02')).sort();
    case RdbType.listQuicklist2:
      return times(reader.readLength(), () => listpackTexts(reader, true)).flat();
    case RdbType.stream2:
      return streamOf(reader);
    default:
      return rawOf(reader, reader.left);
  }
}

/** The same for all encodings of a type. */
function abstractOf(reader: RdbReader, type: number): unknown {
  switch (type) {
    case RdbType.setIntset:
      return ['set', intsetTexts(reader).sort()];
    case RdbType.zset:
      return ['zset', times(reader.readLength(), () => [textOf(reader), String(reader.readDouble())]).reverse()];
    case RdbType.zsetListpack: {
      const texts = listpackTexts(reader, false);
      const pairs = times(texts.length / 2, (i) => [texts[2 * i], String(numberOf(texts[2 * i + 1] ?? ''))]);
      return ['zset', pairs];
    }
    case RdbType.hashListpack: {
      const texts = listpackTexts(reader, false);
      return ['hash', times(texts.length / 2, (i) => `${texts[2 * i]}\x02${texts[2 * i + 1]}`).sort()];
    }
    default:
      return [type === RdbType.set ? 'set' : type === RdbType.hash ? 'hash' : type, contentOf(reader, type)];
  }
}

function numberOf(text: string): number {
  return Number(text.replace('inf', 'Infinity'));
}

function intsetTexts(reader: RdbReader): string[] {
  const view = new ElementView();
  reader.readString();
  const { text, textStart } = reader;
  return times(intset.length(text, textStart), (i) => {
    intset.readMember(text, textStart, i, view);
    return latin1(view.bytes, view.start, view.end);
  });
}

function shownBy(payload: Uint8Array, show: (reader: RdbReader, type: number) => unknown): string {
  const reader = new RdbReader(BOUNDS);
  reader.open(payload, 0, payload.length - FOOTER_BYTES, BOUNDS);
  const value = show(reader, reader.readByte());
  const version = latin1(payload, payload.length - FOOTER_BYTES, payload.length - 8);
  return JSON.stringify([value, reader.left, reader.failure ?? 'whole', version]);
}

/**
 * The payload of a redis-server 7.0 or of ours, without what may differ between equal values of one encoding: the order of hash
 * tables, the nodes of lists, times in streams.
 */
export function shownPayload(payload: Uint8Array): string {
  return shownBy(payload, (reader, type) => [type, contentOf(reader, type)]);
}

/** The same, whatever the encoding. */
export function shownValue(payload: Uint8Array): string {
  return shownBy(payload, abstractOf);
}
