/** Bitmap commands against a plain model: a string as a list of bits. */
import { describe, expect, it } from 'vitest';
import { latin1 } from '../../../src/base/bytes.ts';
import { Prng } from '../../../src/base/prng.ts';
import { parseReply } from '../../../src/resp/reply-reader.ts';
import { Harness } from '../../support/harness.ts';
import { rendered } from '../../support/render.ts';
import { seed } from '../../support/seed.ts';

const OPERATIONS = 10_000;
const OOM = "(error) OOM command not allowed when used memory > 'maxmemory'.";

function world(limitBytes?: number) {
  const harness = new Harness(limitBytes === undefined ? { debug: true } : { debug: true, limitBytes });
  const session = harness.session();
  const run = (...words: string[]) => rendered(session.run(words));
  return { harness, session, run };
}

describe('bitmap commands', () => {
  it(`do what a list of bits does, seed ${seed}`, () => {
    const { harness, session, run } = world();
    const prng = new Prng(seed);
    const model = new Map<string, number[]>();
    const bitsAt = (key: string) => model.get(key) ?? [];
    const keys = ['a', 'bb', 'ccc', 'dddd'];
    const key = () => keys[prng.below(keys.length)] as string;
    const integer = (value: number) => `(integer) ${value}`;
    const steps: (() => void)[] = [
      () => {
        const [name, offset, bit] = [key(), prng.below(600), prng.below(2)];
        const bits = [...bitsAt(name)];
        while (bits.length <= offset) bits.push(0, 0, 0, 0, 0, 0, 0, 0);
        expect(run('SETBIT', name, `${offset}`, `${bit}`)).toBe(integer(bits[offset] ?? 0));
        bits[offset] = bit;
        model.set(name, bits);
      },
      () => {
        const [name, offset] = [key(), prng.below(700)];
        expect(run('GETBIT', name, `${offset}`)).toBe(integer(bitsAt(name)[offset] ?? 0));
      },
      () => {
        const name = key();
        const bits = bitsAt(name);
        const [start, end] = [prng.below(700), prng.below(700)];
        const count = bits.slice(start, end + 1).filter((bit) => bit === 1).length;
        expect(run('BITCOUNT', name, `${start}`, `${end}`, 'BIT')).toBe(integer(count));
        const whole = bits.filter((bit) => bit === 1).length;
        expect(run('BITCOUNT', name)).toBe(integer(whole));
      },
      () => {
        const name = key();
        const bits = bitsAt(name);
        const [start, bit] = [prng.below(700), prng.below(2)];
        const found = bits.slice(start).indexOf(bit);
        const missing = bit === 1 ? -1 : 0;
        const expected = !model.has(name) ? missing : found < 0 ? -1 : found + start;
        expect(run('BITPOS', name, `${bit}`, `${start}`, '-1', 'BIT')).toBe(integer(expected));
      },
      () => {
        const [target, first, second] = [key(), key(), key()];
        const length = Math.max(bitsAt(first).length, bitsAt(second).length);
        const mixed = Array.from({ length }, (_, i) => (bitsAt(first)[i] ?? 0) ^ (bitsAt(second)[i] ?? 0));
        expect(run('BITOP', 'XOR', target, first, second)).toBe(integer(length / 8));
        if (length === 0) model.delete(target);
        else model.set(target, mixed);
      },
      () => {
        if (prng.below(20) === 0) {
          const name = key();
          run('DEL', name);
          model.delete(name);
        }
      },
    ];
    for (let i = 0; i < OPERATIONS; i++) (steps[prng.below(steps.length)] as () => void)();
    for (const name of keys) {
      const reply = parseReply(session.run(['GET', name]))?.value;
      const text = reply?.kind === 'bulk' ? latin1(reply.bytes) : '';
      const bits = [...text].flatMap((c) => Array.from({ length: 8 }, (_, at) => (c.charCodeAt(0) >> (7 - at)) & 1));
      expect(bits).toEqual(bitsAt(name));
    }
    harness.shard.arena.check();
  });

  it('refuse what a tenant has no memory for before anything is allocated', () => {
    const { harness, run } = world(1024 * 1024);
    run('SET', 'k', 'v');
    for (const name of ['k', 'none']) {
      expect(run('SETBIT', name, '4294967295', '1')).toBe(OOM);
      expect(run('BITFIELD', name, 'SET', 'u8', '4294967280', '1')).toBe(OOM);
    }
    expect(run('GET', 'k')).toBe('"v"');
    expect(run('EXISTS', 'none')).toBe('(integer) 0');
    expect(harness.shard.arena.peakAllocatedBytes).toBeLessThan(1024 * 1024);
    run('SET', 'half', 'v'.repeat(600 * 1024));
    expect(run('BITOP', 'NOT', 'other', 'half')).toBe(OOM);
    expect(run('EXISTS', 'other')).toBe('(integer) 0');
    harness.shard.arena.check();
  });

  it('refuse a value larger than a tenant may have, and still write inside one that is there', () => {
    const { harness, run } = world();
    run('SET', 'k', 'v'.repeat(100));
    harness.shard.realm(0).valueBytesMax = 50;
    const refused = '(error) ERR value exceeds the largest value allowed for your tenant';
    expect(run('SETBIT', 'new', '400', '1')).toBe(refused);
    expect(run('SETBIT', 'k', '800', '1')).toBe(refused);
    expect(run('BITFIELD', 'new', 'SET', 'u8', '396', '1')).toBe(refused);
    expect(run('BITOP', 'NOT', 'new', 'k')).toBe(refused);
    expect(run('SETBIT', 'new', '399', '1')).toBe('(integer) 0');
    expect(run('SETBIT', 'k', '799', '1')).toBe('(integer) 0');
  });

  it('reach every bit up to the longest string, and none beyond it', () => {
    const { harness, run } = world();
    harness.shard.world.valueBytesMax = 1000;
    expect(run('SETBIT', 'k', '7999', '1')).toBe('(integer) 0');
    expect(run('SETBIT', 'k', '8000', '1')).toBe('(error) ERR bit offset is not an integer or out of range');
    expect(run('BITFIELD', 'k', 'SET', 'u8', '#999', '255')).toBe('array of 1\n  (integer) 1');
    // Begins inside and ends outside.
    const refused = '(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)';
    expect(run('BITFIELD', 'k', 'SET', 'u16', '7992', '1')).toBe(refused);
    expect(run('STRLEN', 'k')).toBe('(integer) 1000');
  });
});
