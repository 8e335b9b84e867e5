/** Records out of a file: every cut, every flipped bit, every border of the window, and what is never believed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { LOG_ANNOTATION_BYTES_MAX, LOG_WINDOW_BYTES, LOG_WINDOW_BYTES_KEPT } from '../../src/base/limits.ts';
import { Prng } from '../../src/base/prng.ts';
import type { DiskReader } from '../../src/disk/disk.ts';
import { type LogItem, LogReader } from '../../src/persist/log-reader.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { seed } from '../support/seed.ts';

const PATH = '/data/appendonly.aof.1.incr.aof';

/** Gives at most so many bytes a read, and counts what it was asked for. */
class MemoryFile implements DiskReader {
  readonly path: string;
  readonly length: number;
  largestRead: number;
  private readonly bytes: Uint8Array;
  private readonly pieceBytes: number;

  constructor(bytes: Uint8Array, pieceBytes = Number.POSITIVE_INFINITY, length = bytes.length) {
    this.path = PATH;
    this.length = length;
    this.largestRead = 0;
    this.bytes = bytes;
    this.pieceBytes = pieceBytes;
  }

  read(at: number, into: Uint8Array, start: number, end: number): { ok: true; value: number } {
    this.largestRead = Math.max(this.largestRead, end - start);
    const taken = Math.max(0, Math.min(end - start, this.pieceBytes, this.bytes.length - at));
    into.set(this.bytes.subarray(at, at + taken), start);
    return { ok: true, value: taken };
  }

  close(): void {}
}

function record(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

interface Walk {
  readonly commands: string[][];
  readonly starts: number[];
  readonly ending: LogItem;
  readonly position: number;
}

function walk(file: DiskReader, start = 0): Walk {
  const reader = new LogReader(file, start);
  const commands: string[][] = [];
  const starts: number[] = [];
  for (;;) {
    const item = reader.next();
    if (item.kind !== 'command') {
      expect(reader.next()).toBe(item);
      return { commands, starts, ending: item, position: reader.position };
    }
    const { request } = reader;
    commands.push(Array.from({ length: request.argc }, (_, index) => request.text(index)));
    starts.push(reader.commandStart);
    expect(reader.commandStart + request.wireBytes).toBe(reader.position);
  }
}

const walkText = (text: string, start = 0) => walk(new MemoryFile(bytesOfLatin1(text)), start);

const RECORDS = [
  record('SELECT', '0'),
  record('SET', 'key', ''),
  record('PORTCULLIS.TENANT', 'one'),
  record('MULTI'),
  record('RPUSH', 'list', ...Array.from({ length: 12 }, (_, index) => `element ${index}\r\n*1\r\n`)),
  record('EXEC'),
  record('SET', 'binary', '\0\xff\r\n\0'.repeat(30)),
];
const LOG = RECORDS.join('');
/** Ends of whole records, 0 included. */
const ENDS = RECORDS.reduce((ends, text) => ends.concat((ends.at(-1) ?? 0) + text.length), [0]);
const wholeBefore = (offset: number) => ENDS.filter((end) => end <= offset).at(-1) ?? 0;

describe('a whole log', () => {
  it('gives every record and where it begins', () => {
    const { commands, starts, ending, position } = walkText(LOG);
    expect(ending).toEqual({ kind: 'end' });
    expect(commands.map((words) => record(...words))).toEqual(RECORDS);
    expect(starts).toEqual(ENDS.slice(0, -1));
    expect(position).toBe(LOG.length);
  });

  it('may be empty, and may be read from the middle', () => {
    expect(walkText('').ending).toEqual({ kind: 'end' });
    const from = ENDS[3] as number;
    expect(walkText(LOG, from).starts).toEqual(ENDS.slice(3, -1));
    expect(walkText(LOG, LOG.length).ending).toEqual({ kind: 'end' });
    expect(walkText(LOG, LOG.length + 1).ending).toEqual({ kind: 'end' });
  });

  it('passes over annotations', () => {
    const text = `#TS:1795828215\r\n${RECORDS[0]}#\n#TS:1795828216\r\n#${'x'.repeat(1021)}\r\n${RECORDS[1]}#TS:1\r\n`;
    const { commands, ending, position } = walkText(text);
    expect(commands).toHaveLength(2);
    expect(ending).toEqual({ kind: 'end' });
    expect(position).toBe(text.length);
    expect(walkText(`#${'x'.repeat(LOG_ANNOTATION_BYTES_MAX)}\n`).ending.kind).toBe('fault');
  });

  it('is the same whatever the pieces it is read in, and wherever the window ends', () => {
    const prng = new Prng(seed);
    const texts: string[] = [];
    for (let bytes = 0; bytes < 3.2 * LOG_WINDOW_BYTES; bytes += texts.at(-1)?.length ?? 0) {
      const size = prng.below(100) === 0 ? prng.below(200_000) : prng.below(300);
      const words = Array.from({ length: 1 + prng.below(5) }, () => 'w'.repeat(prng.below(12)));
      texts.push(prng.below(20) === 0 ? `#TS:${prng.uint32()}\r\n` : record(...words, 'v'.repeat(size)));
    }
    const bytes = bytesOfLatin1(texts.join(''));
    const expected = texts.filter((text) => text.startsWith('*'));
    for (const piece of [Number.POSITIVE_INFINITY, 65_536, 4099]) {
      const { commands, ending } = walk(new MemoryFile(bytes, piece));
      expect(ending).toEqual({ kind: 'end' });
      expect(commands.length).toBe(expected.length);
      expect(commands.every((words, index) => record(...words) === expected[index])).toBe(true);
    }
    // A record over the border, at each of its bytes.
    const tail = record('SET', 'key', 'value') + record('GET', 'key');
    for (let before = LOG_WINDOW_BYTES - tail.length - 20; before < LOG_WINDOW_BYTES + 2; before++) {
      const filler = record('SET', 'filler', 'x'.repeat(before - 40));
      const { commands, ending } = walkText(filler + tail);
      expect(ending).toEqual({ kind: 'end' });
      expect(commands.slice(1)).toEqual([
        ['SET', 'key', 'value'],
        ['GET', 'key'],
      ]);
    }
  });

  it('has records of any size, and many words', () => {
    const big = 'x'.repeat(5 * LOG_WINDOW_BYTES);
    const many = Array.from({ length: 100_000 }, (_, index) => `${index}`);
    const huge = 'y'.repeat(LOG_WINDOW_BYTES_KEPT + LOG_WINDOW_BYTES);
    const texts = [record('SET', 'a', big), record('DEL', ...many), record('SET', 'b', huge), record('PING')];
    const file = new MemoryFile(bytesOfLatin1(texts.join('') + record('PING').repeat(100_000)));
    const { commands, ending } = walk(file);
    expect(ending).toEqual({ kind: 'end' });
    expect(commands.length).toBe(100_004);
    expect(commands[0]?.[2] === big).toBe(true);
    expect(commands[1]?.slice(1)).toEqual(many);
    expect(commands[2]?.[2] === huge).toBe(true);
  });
});

describe('a log that ends too early', () => {
  it('is truncated at every byte but between records', () => {
    for (let cut = 0; cut < LOG.length; cut++) {
      const { ending, position, starts } = walkText(LOG.slice(0, cut));
      const whole = wholeBefore(cut);
      expect(ending, `cut at ${cut}`).toEqual(whole === cut ? { kind: 'end' } : { kind: 'truncated', offset: whole });
      expect(position).toBe(whole);
      expect(starts).toEqual(ENDS.slice(0, -1).filter((start) => start < whole));
    }
  });

  it('is truncated when nothing but zeros follows, however many', () => {
    for (let cut = 0; cut <= LOG.length; cut++) {
      for (const zeros of [1, 2, 3, 7, 700]) {
        const { ending } = walkText(LOG.slice(0, cut) + '\0'.repeat(zeros));
        expect(ending, `cut at ${cut}, ${zeros} zeros`).toEqual({ kind: 'truncated', offset: wholeBefore(cut) });
      }
    }
    const { ending } = walkText(LOG + '\0'.repeat(3 * LOG_WINDOW_BYTES));
    expect(ending).toEqual({ kind: 'truncated', offset: LOG.length });
    expect(walkText('\0').ending).toEqual({ kind: 'truncated', offset: 0 });
  });

  it('is a fault when anything follows the zeros', () => {
    for (const end of ENDS) {
      for (const zeros of [1, 512, 2 * LOG_WINDOW_BYTES]) {
        const { ending } = walkText(`${LOG.slice(0, end)}${'\0'.repeat(zeros)}${RECORDS[0]}`);
        expect(ending).toEqual({
          kind: 'fault',
          offset: end,
          message: `${PATH}: byte ${end}: no '*' (byte 0x00 found)`,
        });
      }
    }
  });

  it('ends where the file ends now when it has been cut since it was opened', () => {
    const { ending } = walk(new MemoryFile(bytesOfLatin1(LOG.slice(0, 30)), 7, LOG.length));
    expect(ending).toEqual({ kind: 'truncated', offset: wholeBefore(30) });
  });

  it('counts half an annotation as an unfinished record', () => {
    expect(walkText(`${RECORDS[0]}#TS:179`).ending).toEqual({ kind: 'truncated', offset: RECORDS[0]?.length });
    expect(walkText(`${RECORDS[0]}#TS:179\0\0`).ending).toEqual({ kind: 'truncated', offset: RECORDS[0]?.length });
  });
});

describe('a damaged log', () => {
  it.each([
    ['x', 0, "no '*' ('x' found)"],
    ['PING\r\n', 0, "no '*' ('P' found)"],
    ['\r\n', 0, "no '*' (byte 0x0d found)"],
    ['*0\r\n', 1, "a number of words out of range ('0' found)"],
    ['*-1\r\n', 1, "not a length ('-' found)"],
    ['*01\r\n$1\r\nx\r\n', 2, "not a length ('1' found)"],
    ['*1 \r\n', 2, 'no end of line behind a length (byte 0x20 found)'],
    ['*1\n$4\r\nPING\r\n', 2, 'no end of line behind a length (byte 0x0a found)'],
    ['*1\r\r', 3, 'no end of line behind a length (byte 0x0d found)'],
    ['*\r\n', 1, 'not a length (byte 0x0d found)'],
    ['*99999999999\r\n', 11, "not a length ('9' found)"],
    ['*2147483648\r\n', 1, "a number of words out of range ('2' found)"],
    ['*1\r\n:4\r\n', 4, "no '$' (':' found)"],
    ['*1\r\n$-1\r\n', 5, "not a length ('-' found)"],
    ['*1\r\n$536870913\r\n', 5, "a length out of range ('5' found)"],
    ['*1\r\n$4\r\nPINGx\n', 12, "no end of line behind a word ('x' found)"],
    ['*1\r\n$4\r\nPINGx', 12, "no end of line behind a word ('x' found)"],
    ['*1\r\n$4\r\nPING\rx', 13, "no end of line behind a word ('x' found)"],
    ['*2\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n', 14, "no '$' ('*' found)"],
    ['#T\0S\r\n', 2, 'a zero byte in an annotation (byte 0x00 found)'],
  ])('%j is a fault at byte %i', (text, at, what) => {
    for (const before of ['', LOG]) {
      const offset = before.length + at;
      const { ending, position } = walkText(before + text);
      expect(ending).toEqual({ kind: 'fault', offset, message: `${PATH}: byte ${offset}: ${what}` });
      expect(position).toBe(before.length);
    }
  });

  it('is not cut off behind a length that reaches past its end though whole records follow', () => {
    const damaged = `*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5000\r\nvalue\r\n${LOG}`;
    const from = damaged.length - LOG.length;
    expect(walkText(RECORDS[0] + damaged).ending).toEqual({
      kind: 'fault',
      offset: RECORDS[0]?.length,
      message:
        `${PATH}: byte ${RECORDS[0]?.length}: a length that reaches past the end of the file, ` +
        `yet records follow at byte ${(RECORDS[0]?.length ?? 0) + from}`,
    });
  });

  it('never throws, hangs or gives a record that is not there, whatever bit is flipped', () => {
    for (let at = 0; at < LOG.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bytes = bytesOfLatin1(LOG);
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
        const { commands, starts, ending, position } = walk(new MemoryFile(bytes));
        const before = RECORDS.filter((_, index) => (ENDS[index + 1] as number) <= at);
        expect(commands.slice(0, before.length).map((words) => record(...words))).toEqual(before);
        // What follows may read otherwise, but as records in their strict form.
        const texts = commands.map((words) => record(...words));
        texts.forEach((text, index) => {
          const start = starts[index] as number;
          expect(latin1(bytes, start, start + text.length)).toBe(text);
        });
        if (ending.kind === 'truncated') expect(ending.offset).toBe(position);
        if (ending.kind === 'fault')
          expect(ending.message).toMatch(/^\/data\/appendonly.aof.1.incr.aof: byte \d+: [ -~]+$/);
      }
    }
  });

  it('never throws at garbage', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void walk(new MemoryFile(bytes, 7))));
    const piece = fc.constantFrom('*', '$', '1', '3', '0', '\r\n', '\r', '\n', 'SET', '#', '\0', record('PING'));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join('');
        const { position, commands, ending } = walkText(text);
        expect(position).toBeLessThanOrEqual(text.length);
        if (ending.kind === 'end') expect(position).toBe(text.length);
        if (!text.includes('#'))
          expect(commands.map((words) => record(...words)).join('')).toBe(text.slice(0, position));
      }),
    );
  });

  it('believes no length before the bytes are there', () => {
    const file = new MemoryFile(bytesOfLatin1('*1\r\n$536870912\r\nx'), 7, 2 ** 40);
    expect(walk(file).ending).toEqual({ kind: 'truncated', offset: 0 });
    expect(file.largestRead).toBeLessThanOrEqual(LOG_WINDOW_BYTES);
    expect(walkText('*2147483647\r\n$1\r\nx\r\n').ending).toEqual({ kind: 'truncated', offset: 0 });
  });

  it('says what the disk said', () => {
    const disk = new FakeDisk();
    disk.put(PATH, bytesOfLatin1(LOG));
    disk.failAt(1, 'EIO', 'read');
    const file = disk.open(PATH);
    if (!file.ok) throw new Error(file.fault.message);
    const { ending } = walk(file.value);
    expect(ending).toMatchObject({ kind: 'fault', offset: 0 });
    expect(ending.kind === 'fault' && ending.message).toContain('EIO');
  });

  it('shows a strange path in one line', () => {
    const file: DiskReader = {
      path: '/a\nb',
      length: 1,
      read: (_at, into, start) => readByte(into, start),
      close: () => {},
    };
    const { ending } = walk(file);
    expect(ending.kind === 'fault' && ending.message).toBe("/a\\u000ab: byte 0: no '*' ('x' found)");
  });
});

function readByte(into: Uint8Array, start: number): { ok: true; value: number } {
  into[start] = 0x78;
  return { ok: true, value: 1 };
}
