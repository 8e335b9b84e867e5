import { describe, expect, it } from 'vitest';
import { latin1 } from '../../../src/base/bytes.ts';
import { selfTestFailure } from '../../../src/commands/hyperloglog/self-test.ts';
import { parseReply } from '../../../src/resp/reply-reader.ts';
import { Harness } from '../../support/harness.ts';
import { rendered } from '../../support/render.ts';

const HEADER = 'HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80';
const CORRUPT = '(error) INVALIDOBJ Corrupted HLL object detected';
const NOT_ONE = '(error) WRONGTYPE Key is not a valid HyperLogLog string value.';

function world(limitBytes?: number) {
  const harness = new Harness(limitBytes === undefined ? { debug: true } : { debug: true, limitBytes });
  const session = harness.session();
  const run = (...words: string[]) => rendered(session.run(words));
  const bytesOf = (key: string) => {
    const reply = parseReply(session.run(['GET', key]))?.value;
    return reply?.kind === 'bulk' ? latin1(reply.bytes) : '';
  };
  return { harness, session, run, bytesOf };
}

function numbers(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `${from + i}`);
}

describe('a HyperLogLog', () => {
  it('passes its own test', () => expect(selfTestFailure()).toBeUndefined());

  it('estimates within four standard errors', () => {
    const { run } = world();
    for (let count = 0; count < 100_000; count += 5000) {
      run('PFADD', 'h', ...numbers(5000, count));
      const estimate = Number(run('PFCOUNT', 'h').replace('(integer) ', ''));
      expect(Math.abs(estimate - count - 5000)).toBeLessThan((count + 5000) * 4 * 0.0081);
    }
  });

  it('is the same whether elements come one by one, together, twice or by merging', () => {
    const { run, bytesOf } = world();
    for (const number of numbers(3000)) run('PFADD', 'one', number);
    run('PFADD', 'together', ...numbers(3000));
    run('PFADD', 'together', ...numbers(3000));
    for (const part of [0, 1000, 2000]) run('PFADD', `part:${part}`, ...numbers(1000, part));
    run('PFMERGE', 'merged', 'part:0', 'part:1000', 'part:2000');
    const registers = run('PFDEBUG', 'GETREG', 'one');
    expect(run('PFDEBUG', 'GETREG', 'together')).toBe(registers);
    expect(run('PFDEBUG', 'GETREG', 'merged')).toBe(registers);
    expect(bytesOf('together')).toBe(bytesOf('one'));
  });

  it('stays sparse up to hll-sparse-max-bytes and takes no more memory than it says', () => {
    const { run } = world();
    let last = 0;
    for (let i = 0; run('PFDEBUG', 'ENCODING', 'h') !== 'dense'; i++) {
      run('PFADD', 'h', `${i}`);
      const length = Number(run('STRLEN', 'h').replace('(integer) ', ''));
      expect(length <= 3000 || length === 12_304).toBe(true);
      if (length < 12_304) last = length;
    }
    expect(last).toBeGreaterThan(2990);
  });

  it('keeps its time to live', () => {
    const { run } = world();
    run('PFADD', 'h', 'a');
    run('PEXPIREAT', 'h', '1800000000000');
    run('PFADD', 'h', ...numbers(5000));
    run('PFMERGE', 'h', 'x');
    expect(run('PEXPIRETIME', 'h')).toBe('(integer) 1800000000000');
  });
});

describe('a HyperLogLog written by hand', () => {
  const cases: readonly (readonly [what: string, value: string, reply: string])[] = [
    ['without a header', '', NOT_ONE],
    ['with a short header', HEADER.slice(0, 15), NOT_ONE],
    ['with another magic', `HYLK${HEADER.slice(4)}\x7f\xff`, NOT_ONE],
    ['with an unknown encoding', `HYLL\x02${HEADER.slice(5)}\x7f\xff`, NOT_ONE],
    ['dense and too short', `HYLL\0${HEADER.slice(5)}${'\0'.repeat(12_287)}`, NOT_ONE],
    ['dense and too long', `HYLL\0${HEADER.slice(5)}${'\0'.repeat(12_289)}`, NOT_ONE],
    ['sparse without runs', HEADER, CORRUPT],
    ['sparse with too few registers', `${HEADER}\x7f\xfe`, CORRUPT],
    ['sparse with too many registers', `${HEADER}\x7f\xff\x80`, CORRUPT],
    ['sparse with far too many registers', `${HEADER}${'\x7f\xff'.repeat(1000)}`, CORRUPT],
    ['sparse with a run cut short', `${HEADER}\x7f`, CORRUPT],
    ['sparse with a run cut short that would add up', `${HEADER}${'\x3f'.repeat(3)}\x3e\x7f`, CORRUPT],
    ['sparse with more runs than registers', `${HEADER}${'\x40\0'.repeat(20_000)}`, CORRUPT],
  ];
  for (const [what, value, reply] of cases) {
    it(`${what} is refused by everything that counts`, () => {
      const { harness, run, bytesOf } = world();
      run('SET', 'h', value);
      run('PFADD', 'good', 'a');
      expect(run('PFCOUNT', 'h')).toBe(reply);
      expect(run('PFCOUNT', 'good', 'h')).toBe(reply);
      expect(run('PFMERGE', 'good', 'h')).toBe(reply);
      expect(run('PFMERGE', 'h', 'good')).toBe(reply);
      expect(run('PFDEBUG', 'TODENSE', 'h')).toBe(reply);
      expect(run('PFDEBUG', 'GETREG', 'h')).toBe(reply);
      expect(run('PFCOUNT', 'good')).toBe('(integer) 1');
      expect(bytesOf('h')).toBe(value);
      harness.shard.arena.check();
    });
  }

  it('is not changed by half when it turns out to be corrupt among the elements', () => {
    const { run, bytesOf } = world();
    const value = `${HEADER}\x6f\xff`;
    run('SET', 'h', value);
    expect(run('PFADD', 'h', ...numbers(100))).toBe(CORRUPT);
    expect(bytesOf('h')).toBe(value);
  });

  it('with an estimate of its own is believed, all 63 bits of it', () => {
    const { run } = world();
    run('SET', 'h', 'HYLL\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f\x7f\xff');
    expect(run('PFCOUNT', 'h')).toBe('(integer) 9223372036854775807');
  });

  it('with registers that no element sets has the estimate that redis-server gives', () => {
    const { run } = world();
    run('SET', 'h', `HYLL\0\0\0\0\0\0\0\0\0\0\0\x80${'\xff'.repeat(12_288)}`);
    expect(run('PFCOUNT', 'h')).toBe('(integer) -9223372036854775808');
    expect(run('PFCOUNT', 'h')).toBe('(integer) -9223372036854775808');
  });
});

describe('at the memory limit', () => {
  it('a HyperLogLog that would become dense is refused and stays as it was', () => {
    const { harness, run, bytesOf } = world(64 * 1024);
    run('PFADD', 'h', ...numbers(500));
    const before = bytesOf('h');
    for (let i = 0; run('SET', `filler:${i}`, 'v'.repeat(200)) === 'OK'; i++);
    const oom = "(error) OOM command not allowed when used memory > 'maxmemory'.";
    expect(run('PFADD', 'h', ...numbers(5000))).toBe(oom);
    expect(run('PFDEBUG', 'TODENSE', 'h')).toBe(oom);
    expect(run('PFMERGE', 'new', 'h')).toBe(oom);
    expect(bytesOf('h')).toBe(before);
    expect(run('EXISTS', 'new')).toBe('(integer) 0');
    harness.shard.arena.check();
  });
});
