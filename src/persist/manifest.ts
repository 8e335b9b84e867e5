/**
 * Which files make up the log, in the format of Redis 7: one line per file, `file NAME seq N type b|h|i`, the base first,
 * then what was replaced and may go (history), then the increments in the order of their numbers.
 *
 * A manifest decides what is loaded and what is deleted, so it is believed only when it is whole: every line ends, every
 * name is that of a file in the same folder and stands in it once, and increments ascend. Names with blanks or bytes past
 * ASCII are quoted as redis-server quotes them. What redis-server 7.0.15 writes comes back byte for byte.
 *
 * Invariant: under the name of the manifest there is at any time a whole one, the old or the new.
 */
import { join } from 'node:path';
import { lower } from '../base/ascii.ts';
import { bytesOf, latin1 } from '../base/bytes.ts';
import { parseInteger } from '../base/integer.ts';
import { FILE_NAME_BYTES_MAX, MANIFEST_BYTES_MAX, MANIFEST_LINE_BYTES_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk, DiskResult } from '../disk/disk.ts';
import { inlineWords } from '../resp/inline.ts';
import { Request } from '../resp/request.ts';
import { readSmallFile, temporaryNameOf, writeSmallFile } from './small-file.ts';

export interface LogFile {
  readonly name: string;
  readonly sequence: number;
  readonly type: 'base' | 'history' | 'increment';
}

export interface Manifest {
  readonly base: LogFile | undefined;
  readonly history: readonly LogFile[];
  readonly increments: readonly LogFile[];
}

export const EMPTY_MANIFEST: Manifest = { base: undefined, history: [], increments: [] };

/**
 * Of the files of a log, by their lengths: the one behind which nothing was written, and whose end may be torn. There may
 * be empty ones behind it, of a rewrite that had just begun. -1: nothing was written at all.
 */
export function lastWritten(lengths: readonly number[]): number {
  return lengths.findLastIndex((length) => length > 0);
}

const LF = 0x0a;
const HASH = 0x23;
const TYPES: ReadonlyMap<string, LogFile['type']> = new Map([
  ['b', 'base'],
  ['h', 'history'],
  ['i', 'increment'],
]);
const MARKS: Readonly<Record<LogFile['type'], string>> = { base: 'b', history: 'h', increment: 'i' };
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// -- Names -------------------------------------------------------------------------------------------------------------

export function manifestName(prefix: string): string {
  return `${prefix}.manifest`;
}

export function baseName(prefix: string, sequence: number, format: 'rdb' | 'aof'): string {
  return `${prefix}.${sequence}.base.${format}`;
}

export function incrementName(prefix: string, sequence: number): string {
  return `${prefix}.${sequence}.incr.aof`;
}

/** What a manifest is called until it is whole, as redis-server calls it: who cleans up after a crash looks for this. */
export function temporaryManifestName(prefix: string): string {
  return temporaryNameOf(manifestName(prefix));
}

// -- Text --------------------------------------------------------------------------------------------------------------

/** The fault says line and byte, not the file. */
export function parseManifest(text: string): Result<Manifest> {
  const bytes = bytesOf(text);
  if (bytes.length === 0) return failure('the manifest is empty');
  if (bytes.length > MANIFEST_BYTES_MAX) return failure(`the manifest has more than ${MANIFEST_BYTES_MAX} bytes`);
  const draft = new Draft();
  let line = 1;
  for (let at = 0; at < bytes.length; line++) {
    const end = bytes.indexOf(LF, at);
    const fault = end < 0 ? 'the last line has no end' : lineFault(draft, bytes, at, end);
    if (fault !== undefined) return failure(`line ${line} (byte ${at}): ${fault}`);
    at = end + 1;
  }
  return success(draft.manifest());
}

export function formatManifest({ base, history, increments }: Manifest): string {
  const files = base === undefined ? [...history, ...increments] : [base, ...history, ...increments];
  return files.map(({ name, sequence, type }) => `file ${quoted(name)} seq ${sequence} type ${MARKS[type]}\n`).join('');
}

/** What has been read so far. */
class Draft {
  private base: LogFile | undefined;
  private readonly history: LogFile[];
  private readonly increments: LogFile[];
  private readonly names: Set<string>;

  constructor() {
    this.base = undefined;
    this.history = [];
    this.increments = [];
    this.names = new Set();
  }

  manifest(): Manifest {
    return { base: this.base, history: this.history, increments: this.increments };
  }

  /** @returns why the file cannot be part of it. */
  add(file: LogFile): string | undefined {
    // A name that is history and in use would be deleted while in use.
    if (this.names.has(file.name)) return `${quoted(file.name)} is named twice`;
    this.names.add(file.name);
    switch (file.type) {
      case 'base':
        if (this.base !== undefined) return 'a second base file';
        this.base = file;
        return undefined;
      case 'history':
        this.history.push(file);
        return undefined;
      case 'increment': {
        const before = this.increments.at(-1)?.sequence ?? 0;
        if (file.sequence <= before) return `sequence number ${file.sequence} does not come after ${before}`;
        this.increments.push(file);
        return undefined;
      }
    }
  }
}

function lineFault(draft: Draft, bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end + 1 - start > MANIFEST_LINE_BYTES_MAX) return `more than ${MANIFEST_LINE_BYTES_MAX} bytes`;
  if (bytes.subarray(start, end).includes(0)) return 'a zero byte';
  if (bytes[start] === HASH) return undefined;
  const file = parseLine(bytes, start, end);
  return file.ok ? draft.add(file.value) : file.fault;
}

/** Pairs of key and value. Keys that later versions added are passed over, as redis-server does. */
function parseLine(bytes: Uint8Array, start: number, end: number): Result<LogFile> {
  const words = new Request();
  const count = inlineWords(words, bytes, start, end);
  if (count < 0) return failure('quotes that do not match');
  if (count < 6 || count % 2 !== 0) return failure("not of the form 'file NAME seq NUMBER type TYPE'");
  const values = new Map<string, number>();
  for (let index = 0; index < count; index += 2) {
    const key = folded(words, index);
    if (key !== 'file' && key !== 'seq' && key !== 'type') continue;
    if (values.has(key)) return failure(`'${key}' stands twice`);
    values.set(key, index + 1);
  }
  const file = values.get('file');
  const seq = values.get('seq');
  const kind = values.get('type');
  if (file === undefined || seq === undefined || kind === undefined) {
    return failure("not of the form 'file NAME seq NUMBER type TYPE'");
  }
  const name = nameOf(words.bytes.subarray(words.start(file), words.end(file)));
  if (!name.ok) return name;
  const sequence = parseInteger(words.bytes, words.start(seq), words.end(seq));
  if (!Number.isSafeInteger(sequence) || sequence < 1) return failure('the sequence number is not a number from 1 on');
  const type = TYPES.get(words.text(kind));
  if (type === undefined) return failure('a type of file that is not known: b, h and i are');
  return success({ name: name.value, sequence, type });
}

function folded(words: Request, index: number): string {
  let text = '';
  for (let at = words.start(index); at < words.end(index); at++) {
    text += String.fromCharCode(lower[words.bytes[at] as number] as number);
  }
  return text;
}

function nameOf(bytes: Uint8Array): Result<string> {
  if (bytes.length === 0 || bytes.length > FILE_NAME_BYTES_MAX) {
    return failure(`a file name has 1 to ${FILE_NAME_BYTES_MAX} bytes`);
  }
  const shape = latin1(bytes);
  if (shape === '.' || shape === '..' || /[/\\\0]/.test(shape)) return failure('a path instead of a file name');
  try {
    return success(strictUtf8.decode(bytes));
  } catch {
    return failure('a file name that is not UTF-8');
  }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\\', '\\\\'],
  ['"', '\\"'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\x07', '\\a'],
  ['\b', '\\b'],
]);

/** As sdscatrepr, where it is needed: beside what redis-server quotes an apostrophe, which it would fail to read. */
function quoted(name: string): string {
  const bytes = latin1(bytesOf(name));
  if (/^[!#-&(-[\]-~]+$/.test(bytes)) return bytes;
  const inside = bytes.replace(/[^ !#-[\]-~]/g, (byte) => ESCAPES.get(byte) ?? hexEscape(byte));
  return `"${inside}"`;
}

function hexEscape(byte: string): string {
  return `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

// -- Disk --------------------------------------------------------------------------------------------------------------

/** Undefined where there is none. The fault is one line, with the file. */
export function readManifest(disk: Disk, folder: string, prefix: string): Result<Manifest | undefined> {
  const name = manifestName(prefix);
  const path = join(folder, name);
  const bytes = readSmallFile(disk, path, MANIFEST_BYTES_MAX);
  if (!bytes.ok) return bytes;
  if (bytes.value === undefined) return success(undefined);
  const text = textOf(bytes.value, path);
  if (!text.ok) return text;
  const parsed = parseManifest(text.value);
  if (!parsed.ok) return failure(`${path}: ${parsed.fault}`);
  const { base, history, increments } = parsed.value;
  const names = [base, ...history, ...increments].map((file) => file?.name);
  if (names.includes(name)) return failure(`${path}: names itself as a file of the log`);
  return parsed;
}

function textOf(bytes: Uint8Array, path: string): Result<string> {
  try {
    return success(strictUtf8.decode(bytes));
  } catch {
    return failure(`${path}: is not UTF-8`);
  }
}

/**
 * Replaces the manifest. After a fault the old one is in place, except when it came from syncing the folder: then the new
 * one is, and a power cut may bring the old one back.
 */
export function writeManifest(disk: Disk, folder: string, prefix: string, manifest: Manifest): DiskResult<void> {
  return writeSmallFile(disk, folder, manifestName(prefix), bytesOf(formatManifest(manifest)));
}
