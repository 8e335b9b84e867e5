/**
 * What is read back of a log that was being written when the power went, on a disk that loses and reorders whatever was not
 * synced: nothing synced is lost, records come back in order, and what the disk made up is told from what was written
 * wherever the form of records can tell.
 */
import { describe, expect, it } from 'vitest';
import { bytesOfLatin1 } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import { cutBack } from '../../src/persist/inspect.ts';
import { LogReader } from '../../src/persist/log-reader.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { seed } from '../support/seed.ts';

const PATH = '/data/appendonly.aof.1.incr.aof';

function record(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

interface Run {
  readonly disk: FakeDisk;
  readonly records: readonly string[];
  /** By the number of events: how many records were synced by then. */
  readonly synced: readonly number[];
}

function written(prng: Prng): Run {
  const disk = new FakeDisk();
  disk.put(PATH, new Uint8Array(0));
  const file = disk.append(PATH);
  if (!file.ok) throw new Error(file.fault.message);
  const records: string[] = [];
  const synced: number[] = [0, 0];
  for (let turn = 0; turn < 25; turn++) {
    const texts = Array.from({ length: 1 + prng.below(4) }, (_, index) =>
      record('SET', `${turn}:${index}`, 'v'.repeat(prng.below(10) === 0 ? prng.below(20_000) : prng.below(100))),
    );
    records.push(...texts);
    file.value.write(bytesOfLatin1(texts.join('')), 0, texts.join('').length);
    synced[disk.events.length] = synced.at(-1) ?? 0;
    if (prng.below(3) > 0) continue;
    file.value.syncNow();
    synced[disk.events.length] = records.length;
  }
  return { disk, records, synced };
}

function readBack(disk: FakeDisk): { records: string[]; kind: string; offset: number } {
  const file = disk.open(PATH);
  if (!file.ok) throw new Error(file.fault.message);
  const reader = new LogReader(file.value);
  const records: string[] = [];
  for (let item = reader.next(); ; item = reader.next()) {
    if (item.kind === 'end') return { records, kind: 'end', offset: reader.position };
    if (item.kind !== 'command') return { records, kind: item.kind, offset: item.offset };
    records.push(record(...Array.from({ length: reader.request.argc }, (_, index) => reader.request.text(index))));
  }
}

describe('a log after a power cut', () => {
  it('has all that was synced, in order, and can be cut where it is truncated', () => {
    const prng = new Prng(seed);
    const kinds = new Map<string, number>();
    for (let round = 0; round < 40; round++) {
      const { disk, records, synced } = written(prng);
      for (const { disk: left, event, choice } of disk.crashStates(prng, 25)) {
        const said = `round ${round} event ${event} choice ${choice}`;
        const back = readBack(left);
        kinds.set(back.kind, (kinds.get(back.kind) ?? 0) + 1);
        expect(back.records.length, said).toBeGreaterThanOrEqual(synced[event] ?? 0);
        // A hole within a value keeps the form of a record, and only there: the log has no checksums.
        for (const [index, text] of back.records.entries()) {
          if (text !== records[index]) expect(text.includes('\0') && index >= (synced[event] ?? 0), said).toBe(true);
        }
        if (back.kind !== 'truncated') continue;
        expect(cutBack(left, PATH, back.offset).ok).toBe(true);
        expect(readBack(left)).toEqual({ ...back, kind: 'end' });
      }
    }
    // All three endings come up: holes in the middle are no unfinished end.
    expect(Array.from(kinds.keys()).sort()).toEqual(['end', 'fault', 'truncated']);
  });

  it('is whole or truncated when writes reach the disk in order', () => {
    const { disk, records } = written(new Prng(seed));
    const all = disk.bytesOf(PATH) as Uint8Array;
    for (let cut = 0; cut <= all.length; cut += 1 + (cut % 7)) {
      const left = new FakeDisk();
      left.put(PATH, all.subarray(0, cut));
      const back = readBack(left);
      expect(back.kind).not.toBe('fault');
      expect(back.records).toEqual(records.slice(0, back.records.length));
    }
  });

  it('has everything after the death of the process', () => {
    const { disk, records } = written(new Prng(seed));
    expect(readBack(disk.kill())).toMatchObject({ kind: 'end', records });
  });
});
