/**
 * Rows of elements as one string: a listpack, or one of its forerunners, the ziplist and the zipmap, which become one. Any
 * of them is checked element by element; only then is there a {@link Pack} to look at.
 */
import { count, first } from '../engine/listpack.ts';
import { isValid } from '../engine/listpack-check.ts';
import { Scratch } from '../engine/listpack-element.ts';
import type { RdbReader } from './reader.ts';
import { ziplistToListpack } from './ziplist.ts';
import { zipmapToListpack } from './zipmap.ts';

/** A valid listpack outside of the arena, until the next one is read. Its elements may be written in other ways than ours. */
export class Pack {
  bytes: Uint8Array;
  at: number;
  end: number;

  constructor() {
    this.bytes = new Uint8Array(0);
    this.at = 0;
    this.end = 0;
  }

  set(bytes: Uint8Array, at: number, end: number): void {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** The first element, -1 when there is none. */
  get first(): number {
    return first(this.bytes, this.at);
  }

  /** Elements. */
  get count(): number {
    return count(this.bytes, this.at);
  }
}

/** Reads a string that holds elements in some form. False: the reader says why. */
export type PackReader = (reader: RdbReader, pack: Pack) => boolean;

export function readListpack(reader: RdbReader, pack: Pack): boolean {
  if (!reader.readBlob()) return false;
  const { text, textStart, textEnd } = reader;
  if (!isValid(text, textStart, textEnd - textStart, true)) return reader.fail('bad data');
  pack.set(text, textStart, textEnd);
  return true;
}

/** What was converted last. */
const converted = new Scratch();

export function readZiplist(reader: RdbReader, pack: Pack): boolean {
  if (!reader.readBlob()) return false;
  if (!ziplistToListpack(reader.text, reader.textStart, reader.textEnd, converted)) return reader.fail('bad data');
  pack.set(converted.bytes, 0, converted.length);
  return true;
}

/** Fields and values in turn. */
export function readZipmap(reader: RdbReader, pack: Pack): boolean {
  if (!reader.readBlob()) return false;
  if (!zipmapToListpack(reader.text, reader.textStart, reader.textEnd, converted)) return reader.fail('bad data');
  pack.set(converted.bytes, 0, converted.length);
  return true;
}
