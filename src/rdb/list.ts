/** Lists in RDB content: nodes of elements, each a listpack; formerly a ziplist, one of all elements, or the elements alone. */
import { type Database, MISSING } from '../engine/database.ts';
import { next, totalBytes } from '../engine/listpack.ts';
import { ElementView, readElement } from '../engine/listpack-element.ts';
import { ListBuilder } from '../engine/types/list-builder.ts';
import { LargeList } from '../engine/types/list-large.ts';
import { Pack, type PackReader, readListpack, readZiplist } from './pack.ts';
import type { RdbReader } from './reader.ts';
import type { Rest } from './rest.ts';
import type { LoadedValue } from './value.ts';
import type { RdbWriter } from './writer.ts';

/** What a node has in it. */
const PLAIN_NODE = 1;
const PACKED_NODE = 2;
/** What an element costs beyond its bytes: its head in the listpack, its share of the node's. */
const ELEMENT_OVERHEAD_BYTES = 16;

const pack = new Pack();
const view = new ElementView();

// -- Reading -------------------------------------------------------------------------------------------------------------

function add(reader: RdbReader, builder: ListBuilder, bytes: Uint8Array, start: number, end: number): boolean {
  if (!reader.room(builder.openBytes + end - start + ELEMENT_OVERHEAD_BYTES)) return false;
  return builder.add(bytes, start, end) || reader.fail('no room');
}

function addPack(reader: RdbReader, builder: ListBuilder, readPack: PackReader): boolean {
  if (!readPack(reader, pack)) return false;
  const { bytes } = pack;
  for (let p = pack.first; p !== -1; p = next(bytes, p)) {
    readElement(bytes, p, view);
    if (!add(reader, builder, view.bytes, view.start, view.end)) return false;
  }
  return true;
}

function addText(reader: RdbReader, builder: ListBuilder): boolean {
  return reader.readString() && add(reader, builder, reader.text, reader.textStart, reader.textEnd);
}

/** Hands on what was built, also when it is worth nothing. An empty list is bad data, as in Redis. */
function finish(reader: RdbReader, builder: ListBuilder, into: LoadedValue): boolean {
  if (!builder.giveTo(into)) reader.fail('no room');
  if (builder.size === 0) reader.failEmpty();
  return reader.failure === undefined;
}

export function readListElements(reader: RdbReader, into: LoadedValue, database: Database): boolean {
  const builder = new ListBuilder(database);
  let left = reader.readCount(1);
  while (left > 0 && addText(reader, builder)) left--;
  return finish(reader, builder, into);
}

export function readListPack(reader: RdbReader, into: LoadedValue, database: Database): boolean {
  const builder = new ListBuilder(database);
  addPack(reader, builder, readZiplist);
  return finish(reader, builder, into);
}

export function readQuicklist(
  reader: RdbReader,
  into: LoadedValue,
  database: Database,
  of: 'ziplists' | 'listpacks',
): boolean {
  const builder = new ListBuilder(database);
  let left = reader.readCount(1);
  while (left > 0 && addNode(reader, builder, of)) left--;
  return finish(reader, builder, into);
}

function addNode(reader: RdbReader, builder: ListBuilder, of: 'ziplists' | 'listpacks'): boolean {
  if (of === 'ziplists') return addPack(reader, builder, readZiplist);
  const kind = reader.readLength();
  if (kind === PACKED_NODE) return addPack(reader, builder, readListpack);
  if (kind !== PLAIN_NODE || !reader.readString()) return reader.fail('bad data');
  // An element large enough for a node of its own has bytes.
  if (reader.textEnd === reader.textStart) return reader.fail('bad data');
  return add(reader, builder, reader.text, reader.textStart, reader.textEnd);
}

// -- Writing -------------------------------------------------------------------------------------------------------------

export function writeListValue(database: Database, ref: number, writer: RdbWriter): Rest {
  const large = database.largeValue(ref);
  if (large instanceof LargeList) return nodes(large, writer);
  writer.writeLength(1);
  writeNode(database.valueBytes(ref), database.valueStart(ref), writer);
  return undefined;
}

function* nodes({ chain }: LargeList, writer: RdbWriter): Generator<void> {
  writer.writeLength(chain.nodes);
  for (let node = chain.first; node !== MISSING && !writer.overflowed; node = chain.nextOf(node)) {
    writeNode(chain.arena.bytesOf(node), chain.listpackOf(node), writer);
    if (writer.length >= writer.dueAt) yield;
  }
}

function writeNode(bytes: Uint8Array, at: number, writer: RdbWriter): void {
  writer.writeLength(PACKED_NODE);
  writer.writeString(bytes, at, at + totalBytes(bytes, at));
}
