/**
 * Reads an RDB file item by item, of the versions 1 to 12, whatever may be in it.
 *
 * Invariants: nothing in front of `start` and nothing behind the end of the file is read, and no more of it is in memory than a window
 * (`file-window.ts`); a length is believed only as far as the file and the bounds of values bear it out. After a fault, or the
 * end, `next` says the same for ever.
 *
 * Hot path: once per key of a load. Budget: half of what redis-server loads per second; guarded by `bench/rdb-file.ts`. Measured
 * on Bun: three quarters of it, 0.8 us for a key with 64 bytes, storing it included.
 */
import { copyRange, latin1, utf8Text } from '../base/bytes.ts';
import { Int64 } from '../base/int64.ts';
import { DATABASE_COUNT, RDB_FIELD_SHOWN_BYTES, STRING_BYTES_MAX, TENANT_NAME_BYTES_MAX } from '../base/limits.ts';
import type { DiskReader } from '../disk/disk.ts';
import { type Database, NO_EXPIRY } from '../engine/database.ts';
import { CHECKSUM_BYTES, CHECKSUM_FROM_VERSION, HEADER_BYTES, MAGIC, Opcode } from './file-format.ts';
import { moduleRefusal, shownKey, typeName, typeRefusal } from './file-types.ts';
import { FileWindow } from './file-window.ts';
import { RDB_VERSION_READ_MAX } from './format.ts';
import { type RdbBounds, RdbReader } from './reader.ts';
import { scratchDatabase } from './scratch.ts';
import { readBig } from './stream-id.ts';
import { valueReaders } from './types.ts';
import { LoadedValue } from './value.ts';

export type RdbItem =
  | { readonly kind: 'aux'; readonly name: string; readonly value: string }
  | { readonly kind: 'tenant'; readonly name: string }
  | { readonly kind: 'database'; readonly number: number }
  | { readonly kind: 'function'; readonly payload: Uint8Array }
  | { readonly kind: 'entry' }
  | { readonly kind: 'end' }
  | { readonly kind: 'fault'; readonly message: string; readonly offset: number };

export interface RdbFileOptions {
  readonly verifyChecksum: boolean;
  /** Where in the file it begins; at the beginning unless told. */
  readonly start?: number;
}

const ENTRY: RdbItem = { kind: 'entry' };
const END: RdbItem = { kind: 'end' };
const KEY_KEPT_BYTES = 64 * 1024;
/** Memory is not rationed here: what there is was in a server before. A string may be as long as any. */
const BOUNDS: RdbBounds = { bytesMax: STRING_BYTES_MAX, room: () => true };

const number = new Int64();

export class RdbFileReader {
  /**
   * Where values will be stored; it decides about their encodings. To be set behind each `tenant` and `database`. While it is
   * undefined, values are built beside any database, and only checked.
   */
  target: Database | undefined;
  /**
   * Of the last `entry`, until the next call. What the caller does not store is dropped then. That a key is there already is
   * for the caller to find out, who stores it: redis-server refuses such a file.
   */
  key: Uint8Array;
  keyStart: number;
  keyEnd: number;
  /** NO_EXPIRY when the key lives for ever. It may be over; then the value must not be stored. */
  expireAt_ms: number;
  /** -1 when not told. */
  idleSeconds: number;
  frequency: number;
  readonly value: LoadedValue;
  /** The RDB type of the last value. */
  typeByte: number;
  /** Of the header; 0 before the first `next`. */
  version: number;
  /** Collections without elements that were passed over, as redis-server does. */
  emptyKeys: number;
  /** 'none' when the file has none, or one of zeros. */
  checksum: 'unread' | 'none' | 'unchecked' | 'good' | 'wrong';
  private readonly window: FileWindow;
  private readonly verifies: boolean;
  private readonly reader: RdbReader;
  /** A key that was no range of the file. */
  private keyRoom: Uint8Array;
  private scratch: Database | undefined;
  private last: RdbItem | undefined;
  private isUsed: boolean;
  /** What is being read, for the fault to say. */
  private doing: string;

  constructor(file: DiskReader, { verifyChecksum, start = 0 }: RdbFileOptions) {
    this.target = undefined;
    this.keyRoom = new Uint8Array(0);
    this.key = this.keyRoom;
    this.keyStart = 0;
    this.keyEnd = 0;
    this.expireAt_ms = NO_EXPIRY;
    this.idleSeconds = -1;
    this.frequency = -1;
    this.value = new LoadedValue();
    this.typeByte = 0;
    this.version = 0;
    this.emptyKeys = 0;
    this.checksum = 'unread';
    this.window = new FileWindow(file, start, verifyChecksum);
    this.verifies = verifyChecksum;
    this.reader = new RdbReader(BOUNDS);
    this.reader.openSource(this.window, BOUNDS);
    this.scratch = undefined;
    this.last = undefined;
    this.isUsed = true;
    this.doing = 'the header';
  }

  /** How far the file has been read. Behind `end`: where the RDB stops. */
  get position(): number {
    return this.window.offsetOf(this.reader.at);
  }

  /** Never throws on what a file may hold. */
  next(): RdbItem {
    if (this.last !== undefined) return this.last;
    this.value.drop();
    if (this.version === 0) {
      const refusal = this.readHeader();
      if (refusal !== undefined) return refusal;
    }
    if (this.isUsed) this.forgetEntry();
    for (;;) {
      this.window.settle(this.reader);
      const item = this.readItem();
      if (this.reader.failure !== undefined) return this.explain();
      if (item !== undefined) return item;
    }
  }

  private forgetEntry(): void {
    this.expireAt_ms = NO_EXPIRY;
    this.idleSeconds = -1;
    this.frequency = -1;
    this.isUsed = false;
  }

  private readHeader(): RdbItem | undefined {
    const { reader } = this;
    const from = this.position;
    if (!reader.has(HEADER_BYTES)) return this.explain();
    const text = latin1(reader.bytes, reader.at, reader.at + HEADER_BYTES);
    // cold: once per file
    const digits = /^\d+$/.test(text.slice(MAGIC.length)) ? Number(text.slice(MAGIC.length)) : 0;
    if (!text.startsWith(MAGIC) || digits === 0) {
      return this.refuse(`this is no RDB file: it does not begin with ${MAGIC} and a version`, from);
    }
    if (digits > RDB_VERSION_READ_MAX) {
      return this.refuse(`RDB version ${digits} is not known: 1 to ${RDB_VERSION_READ_MAX} are`, from);
    }
    reader.at += HEADER_BYTES;
    this.version = digits;
    return undefined;
  }

  /** The next item; undefined for one that is only part of an entry or no news, or when reading has failed. */
  private readItem(): RdbItem | undefined {
    const { reader } = this;
    const at = this.position;
    this.doing = 'an opcode';
    const code = reader.readByte();
    if (code < Opcode.tenant) return this.readEntry(code, at);
    switch (code) {
      case Opcode.expiryMs:
        this.doing = 'the time of a key';
        if (reader.readInt64(number)) this.setExpiry(number.value);
        return undefined;
      case Opcode.expirySeconds:
        this.doing = 'the time of a key';
        this.setExpiry(reader.readInt32() * 1000);
        return undefined;
      case Opcode.idle:
        this.doing = 'the idle time of a key';
        this.idleSeconds = reader.readLength();
        return undefined;
      case Opcode.frequency:
        this.doing = 'the frequency of a key';
        this.frequency = reader.readByte();
        return undefined;
      case Opcode.selectDatabase:
        return this.readDatabase(at);
      case Opcode.resizeDatabase:
        this.skipLengths('the sizes of a database', 2);
        return undefined;
      case Opcode.slotInfo:
        this.skipLengths('the sizes of a slot', 3);
        return undefined;
      case Opcode.aux:
        return this.readAux();
      case Opcode.tenant:
        return this.readTenant();
      case Opcode.function2:
        this.doing = 'a function library';
        return reader.readString()
          ? { kind: 'function', payload: reader.text.slice(reader.textStart, reader.textEnd) }
          : undefined;
      case Opcode.functionBeta:
        return this.refuse('a function library in the form of release candidates of Redis 7.0 cannot be loaded', at);
      case Opcode.moduleAux:
        this.doing = 'the name of a module';
        return this.refuseModule(at, 'data');
      case Opcode.end:
        return this.readEnd();
      default:
        return this.refuse(`opcode ${code} is not known`, at);
    }
  }

  /** Negative times are over as much as any; -1 means none, as in Redis. */
  private setExpiry(at_ms: number): void {
    this.expireAt_ms = at_ms === NO_EXPIRY ? NO_EXPIRY : Math.max(at_ms, 0);
  }

  private skipLengths(what: string, count: number): void {
    this.doing = what;
    for (let i = 0; i < count; i++) this.reader.readLength();
  }

  private readDatabase(at: number): RdbItem | undefined {
    this.doing = 'the number of a database';
    const database = this.reader.readLength();
    if (this.reader.failure !== undefined) return undefined;
    if (database < DATABASE_COUNT) return { kind: 'database', number: database };
    return this.refuse(`database ${database} is out of range: there are ${DATABASE_COUNT}`, at);
  }

  private readTenant(): RdbItem | undefined {
    const { reader } = this;
    this.doing = 'the name of a tenant';
    if (!reader.readString()) return undefined;
    const { text, textStart, textEnd } = reader;
    if (textEnd - textStart <= TENANT_NAME_BYTES_MAX)
      return { kind: 'tenant', name: utf8Text(text, textStart, textEnd) };
    reader.fail('bad data');
    return undefined;
  }

  private readAux(): RdbItem | undefined {
    const { reader } = this;
    this.doing = 'a field of information';
    if (!reader.readString()) return undefined;
    const name = this.shownText();
    return reader.readString() ? { kind: 'aux', name, value: this.shownText() } : undefined;
  }

  /** What was read last for a person to see, its beginning when it is long: a file may hold more than there is memory for. */
  private shownText(): string {
    const { text, textStart, textEnd } = this.reader;
    const isShort = textEnd - textStart <= RDB_FIELD_SHOWN_BYTES;
    return isShort
      ? utf8Text(text, textStart, textEnd)
      : `${utf8Text(text, textStart, textStart + RDB_FIELD_SHOWN_BYTES)}…`;
  }

  /** What names a module: of its value or of its data beside the keys. */
  private refuseModule(at: number, what: 'value' | 'data'): RdbItem | undefined {
    const id = readBig(this.reader);
    return this.reader.failure === undefined ? this.refuse(moduleRefusal(id, what, this.keyShown()), at) : undefined;
  }

  private readEntry(typeByte: number, at: number): RdbItem | undefined {
    const { reader } = this;
    const read = valueReaders.get(typeByte);
    this.typeByte = typeByte;
    if (read === undefined) {
      const refusal = typeRefusal(typeByte);
      if (refusal !== undefined) return this.refuse(refusal, at);
    }
    this.doing = 'a key';
    if (!reader.readString()) return undefined;
    this.keepKey();
    this.doing = 'the value of';
    if (read === undefined) return this.refuseModule(at, 'value');
    this.isUsed = true;
    this.scratch ??= this.target === undefined ? scratchDatabase() : undefined;
    const isRead = read(reader, this.value, this.target ?? (this.scratch as Database));
    if (isRead && reader.failure === undefined) return ENTRY;
    this.value.drop();
    if (reader.failure !== 'empty') return undefined;
    reader.failure = undefined;
    this.emptyKeys++;
    this.forgetEntry();
    return undefined;
  }

  /** A range of the window stays as it is until the next item; digits and decompressed texts do not. */
  private keepKey(): void {
    const { reader } = this;
    this.key = reader.text;
    this.keyStart = reader.textStart;
    this.keyEnd = reader.textEnd;
    if (reader.text === reader.bytes) return;
    const length = this.keyEnd - this.keyStart;
    if (this.keyRoom.length < length || this.keyRoom.length > KEY_KEPT_BYTES) {
      this.keyRoom = new Uint8Array(Math.max(length, 256));
    }
    copyRange(this.key, this.keyStart, this.keyEnd, this.keyRoom, 0);
    this.key = this.keyRoom;
    this.keyStart = 0;
    this.keyEnd = length;
  }

  private readEnd(): RdbItem | undefined {
    const { reader } = this;
    this.doing = 'the checksum';
    if (this.version < CHECKSUM_FROM_VERSION) {
      this.checksum = 'none';
      this.last = END;
      return END;
    }
    if (!reader.has(CHECKSUM_BYTES)) return undefined;
    const isGood = this.window.sumIsNext(reader);
    let isNone = true;
    for (let i = 0; i < CHECKSUM_BYTES; i++) if (reader.bytes[reader.at + i] !== 0) isNone = false;
    if (!isNone && !isGood) {
      this.checksum = 'wrong';
      return this.refuse('the checksum is wrong: the file was damaged', this.position);
    }
    reader.at += CHECKSUM_BYTES;
    this.checksum = isNone ? 'none' : this.verifies ? 'good' : 'unchecked';
    this.last = END;
    return END;
  }

  private refuse(message: string, offset: number): RdbItem {
    this.value.drop();
    const fault: RdbItem = { kind: 'fault', message, offset };
    this.last = fault;
    return fault;
  }

  /** A fault out of why reading has failed. */
  private explain(): RdbItem {
    const { reader, window } = this;
    const offset = window.offsetOf(reader.failedAt);
    const what =
      this.doing === 'the value of' ? `the value of ${this.keyShown()} (${typeName(this.typeByte)})` : this.doing;
    if (window.fault !== undefined) return this.refuse(`${window.fault}, in ${what}`, offset);
    switch (reader.failure) {
      case 'ended':
        return this.refuse(`the file ends too early, in ${what}`, offset);
      case 'too long':
        return this.refuse(`a string of ${reader.refusedBytes} bytes is too long, in ${what}`, offset);
      case 'no room':
        return this.refuse(`there is not enough memory for ${what}`, offset);
      default:
        return this.refuse(`bad data in ${what}`, offset);
    }
  }

  private keyShown(): string {
    return shownKey(this.key, this.keyStart, this.keyEnd);
  }
}
