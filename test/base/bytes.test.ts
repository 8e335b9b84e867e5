import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiLower, foldedText, lower, spells, upper } from '../../src/base/ascii.ts';
import { bytesOf, bytesOfLatin1, compareBytes, copyOf, copyRange, equalBytes, latin1 } from '../../src/base/bytes.ts';
import { crc16, slotOf } from '../../src/base/crc16.ts';
import { Prng } from '../../src/base/prng.ts';

const anyBytes = fc.uint8Array({ maxLength: 80 });

describe('bytes', () => {
  it('turn into latin1 and back without loss', () => {
    fc.assert(fc.property(anyBytes, (bytes) => equalBytes(bytesOfLatin1(latin1(bytes)), bytes)));
  });

  it('compare as memcmp does, shorter first', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
    );
  });

  it('are copied by every length the same', () => {
    for (let length = 0; length < 200; length++) {
      const from = Uint8Array.from({ length: length + 10 }, (_, i) => i * 7);
      const into = new Uint8Array(length + 20).fill(1);
      copyRange(from, 5, 5 + length, into, 3);
      const expected = new Uint8Array(length + 20).fill(1);
      expected.set(from.subarray(5, 5 + length), 3);
      expect(into).toEqual(expected);
    }
  });

  it('are copied out with memory of their own, from a Buffer too', () => {
    for (const bytes of [Uint8Array.of(1, 2, 3), Buffer.from([1, 2, 3])]) {
      const copy = copyOf(bytes, 1, 3);
      bytes.fill(9);
      expect([...copy]).toEqual([2, 3]);
    }
  });
});

describe('ascii folding', () => {
  it('knows 26 letters and nothing else', () => {
    for (let byte = 0; byte < 256; byte++) {
      const letter = String.fromCharCode(byte);
      expect(lower[byte]).toBe(/[A-Z]/.test(letter) ? byte + 32 : byte);
      expect(upper[byte]).toBe(/[a-z]/.test(letter) ? byte - 32 : byte);
    }
  });

  it('does not take the long s or the Kelvin sign for letters', () => {
    expect(asciiLower('\u017fET\u212a')).toBe('\u017fet\u212a');
    expect(spells(bytesOf('\u017fet'), 0, 4, bytesOf('SET'))).toBe(false);
    expect(spells(bytesOf('xsEt'), 1, 4, bytesOf('SET'))).toBe(true);
    expect(foldedText(bytesOf('GeT\xc9'), 0, 5)).toBe('get\xc3\x89');
  });
});

describe('crc16', () => {
  it('has the check value of the specification', () => {
    expect(crc16(bytesOf('123456789'))).toBe(0x31c3);
  });

  it('gives the slots that redis-cli --cluster and every client give', () => {
    const slots: [string, number][] = [
      ['foo', 12182],
      ['bar', 5061],
      ['', 0],
      ['{user1000}.following', 3443],
      ['{user1000}.followers', 3443],
      ['foo{}{bar}', 8363],
      ['foo{{bar}}zap', 4015],
      ['foo{bar}{zap}', 5061],
    ];
    for (const [key, slot] of slots) expect(slotOf(bytesOf(key)), key).toBe(slot);
    expect(slotOf(bytesOf('a{b'))).toBe(crc16(bytesOf('a{b')) % 16384);
    expect(slotOf(bytesOf('xx{bar}'), 2, 7)).toBe(5061);
  });
});

describe('prng', () => {
  it('repeats itself for a seed and differs between neighbours', () => {
    const draw = (seed: number) => {
      const prng = new Prng(seed);
      return Array.from({ length: 8 }, () => prng.uint32());
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('stays below its bound and reaches every value', () => {
    const prng = new Prng(7);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const value = prng.below(10);
      counts[value] = (counts[value] ?? 0) + 1;
      const unit = prng.unit();
      expect(unit >= 0 && unit < 1).toBe(true);
      expect(prng.below(2 ** 40)).toBeLessThan(2 ** 40);
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(200);
  });
});
