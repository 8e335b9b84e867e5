import { describe, expect, it } from 'vitest';
import { bytesOfLatin1 } from '../../../src/base/bytes.ts';
import { Prng } from '../../../src/base/prng.ts';
import { EVERY_KEY, READS, WRITES } from '../../../src/command/args.ts';
import { KeyList } from '../../../src/command/command.ts';
import { CommandTable } from '../../../src/command/table.ts';
import { sortScore } from '../../../src/commands/generic/sort-order.ts';
import { ByteRows } from '../../../src/commands/generic/sort-rows.ts';
import { shardDeclarations } from '../../../src/commands/shard-families.ts';
import { FakeClock, Harness, requestOf } from '../../support/harness.ts';
import { rendered } from '../../support/render.ts';
import { seed } from '../../support/seed.ts';

const table = new CommandTable(shardDeclarations);

/** What ACL and routing are told: word and access of each key. */
function keysOf(...words: string[]): string[] {
  const request = requestOf(...words);
  const command = table.resolve(request);
  expect(command?.parse(request)).toBeUndefined();
  const keys = new KeyList();
  command?.keys(request, keys);
  return Array.from({ length: keys.count }, (_, i) => `${request.text(keys.at[i] as number)} ${keys.access[i]}`);
}

describe('SORT tells ACL and routing', () => {
  it('its key and the one it stores to, the last of several', () => {
    expect(keysOf('SORT', 'k')).toEqual([`k ${READS}`]);
    expect(keysOf('SORT', 'k', 'STORE', 'a', 'DESC', 'store', 'b')).toEqual([`k ${READS}`, `b ${WRITES}`]);
    expect(keysOf('SORT', 'STORE', 'STORE', 'STORE')).toEqual([`STORE ${READS}`, `STORE ${WRITES}`]);
  });

  it('every pattern that may lead to any key, and no other', () => {
    const every = READS | EVERY_KEY;
    expect(keysOf('SORT', 'k', 'BY', 'w_*', 'GET', 'o_*', 'GET', '#', 'GET', 'h_*->f')).toEqual([
      `k ${READS}`,
      `w_* ${every}`,
      `o_* ${every}`,
      `h_*->f ${every}`,
    ]);
    expect(keysOf('SORT_RO', 'k', 'by', '*')).toEqual([`k ${READS}`, `* ${every}`]);
    expect(keysOf('SORT', 'k', 'BY', 'nosort', 'GET', '#')).toEqual([`k ${READS}`]);
    expect(keysOf('SORT', 'k', 'LIMIT', '0', '1', 'ALPHA')).toEqual([`k ${READS}`]);
  });
});

function score(text: string): number {
  // Other bytes around it, as in a segment.
  const bytes = bytesOfLatin1(`x${text}x1`);
  return sortScore(bytes, 1, 1 + text.length);
}

describe('the number that SORT sees in a text', () => {
  it('is the one that strtod reads', () => {
    expect(['', '0', '-1', '1.5', ' 1', '\t\n\v\f\r-2', '+3', '.5', '5.', '1e3', '0x10', '0x1p-3'].map(score)).toEqual([
      0, 0, -1, 1.5, 1, -2, 3, 0.5, 5, 1000, 16, 0.125,
    ]);
    expect(['inf', '-Infinity', '9223372036854775808', '1\0junk', '\0'].map(score)).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      2 ** 63,
      1,
      0,
    ]);
    expect(score('0x1p-1060')).toBe(2 ** -1060);
    expect(score('0e-999')).toBe(0);
  });

  it('is none where there is more than a number, or too large or small a one', () => {
    for (const text of ['nan', 'abc', '1 ', ' ', '1,5', '--1', '1e', '0x', '1e400', '-1e400', '1e-400', '1e-310']) {
      expect([text, score(text)]).toEqual([text, Number.NaN]);
    }
  });
});

describe('rows of bytes', () => {
  it('compare as memcmp does, or as text that ends at a NUL', () => {
    const rows = new ByteRows();
    const texts = ['', 'a', 'ab', 'b', '\xff', 'a\0', 'a\0b', '\0', 'ab\0c'];
    for (const text of texts) rows.add(bytesOfLatin1(text), 0, text.length);
    const upToNul = (text: string) => text.split('\0', 1)[0] as string;
    const sign = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
    for (const [i, a] of texts.entries()) {
      for (const [j, b] of texts.entries()) {
        expect([a, b, Math.sign(rows.compare(i, j))]).toEqual([a, b, sign(a, b)]);
        expect([a, b, Math.sign(rows.compareText(i, j))]).toEqual([a, b, sign(upToNul(a), upToNul(b))]);
      }
    }
  });

  it('grow, and know which of them are nothing', () => {
    const rows = new ByteRows();
    for (let i = 0; i < 1000; i++) {
      if (i % 3 === 0) rows.addAbsent();
      else rows.add(bytesOfLatin1(`${i}`.repeat(i % 50)), 0, `${i}`.length * (i % 50));
    }
    expect(rows.count).toBe(1000);
    for (let i = 0; i < 1000; i++) {
      expect(rows.isAbsent(i)).toBe(i % 3 === 0);
      if (i % 3 === 0) continue;
      expect(Buffer.from(rows.bytes.subarray(rows.start(i), rows.end(i))).toString()).toBe(`${i}`.repeat(i % 50));
    }
  });
});

describe('SORT', () => {
  it('sorts thousands of numbers, and any window of them, as an array would', () => {
    const prng = new Prng(seed);
    const session = new Harness({ debug: true }).session();
    const numbers = Array.from({ length: 3000 }, () => prng.below(2000) - 1000);
    session.run(['RPUSH', 'list', ...numbers.map(String)]);
    session.run(['SADD', 'set', ...numbers.map(String)]);
    const ascending = [...numbers].sort((a, b) => a - b);
    const different = [...new Set(ascending)];
    const written = (values: readonly number[]) =>
      values.length === 0
        ? 'array of 0'
        : `array of ${values.length}\n${values.map((each) => `  "${each}"`).join('\n')}`;
    for (let i = 0; i < 20; i++) {
      const [offset, count] = [prng.below(3100), prng.below(500)];
      const limit = ['LIMIT', `${offset}`, `${count}`];
      expect(rendered(session.run(['SORT', 'list', ...limit]))).toBe(written(ascending.slice(offset, offset + count)));
      expect(rendered(session.run(['SORT', 'set', 'DESC', ...limit]))).toBe(
        written([...different].reverse().slice(offset, offset + count)),
      );
    }
    expect(rendered(session.run(['SORT', 'list', 'STORE', 'sorted']))).toBe('(integer) 3000');
    expect(rendered(session.run(['LRANGE', 'sorted', '0', '-1']))).toBe(written(ascending));
  });

  it('leaves what compares as equal in the order of the list, and gives sets one that a copy will have, too', () => {
    const run = (harness: Harness, ...words: string[]) => rendered(harness.session().run(words));
    const orders = [1, 2].map((which) => {
      const harness = new Harness({ debug: true, seed: which });
      const elements = ['d', 'b', 'a', 'c'];
      run(harness, 'RPUSH', 'list', ...elements);
      run(harness, 'SADD', 'set', ...(which === 1 ? elements : [...elements].reverse()));
      for (const each of elements) run(harness, 'SET', `w_${each}`, each === 'a' ? '1' : '0');
      expect(run(harness, 'SORT', 'list', 'BY', 'w_*', 'ALPHA', 'STORE', 'out')).toBe('(integer) 4');
      expect(run(harness, 'LRANGE', 'out', '0', '-1')).toBe('array of 4\n  "d"\n  "b"\n  "c"\n  "a"');
      run(harness, 'SORT', 'set', 'BY', 'w_*', 'ALPHA', 'STORE', 'out');
      return run(harness, 'LRANGE', 'out', '0', '-1');
    });
    expect(orders[0]).toBe(orders[1]);
  });

  it('reads through keys that expire while it looks at them', () => {
    const clock = new FakeClock();
    const harness = new Harness({ clock, debug: true });
    const session = harness.session();
    const elements = Array.from({ length: 500 }, (_, i) => `${i}`);
    session.run(['RPUSH', 'list', ...elements]);
    for (const each of elements) session.run(['SET', `w_${each}`, `${-each}`, 'PX', '10']);
    clock.now += 20;
    const reply = rendered(session.run(['SORT', 'list', 'BY', 'w_*', 'GET', 'w_*', 'GET', '#', 'LIMIT', '0', '1']));
    expect(reply).toBe('array of 2\n  (nil)\n  "0"');
    expect(rendered(session.run(['DBSIZE']))).toBe('(integer) 1');
    harness.shard.arena.check();
  });
});
