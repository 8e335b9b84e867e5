import { describe, expect, test } from 'vitest';
import { bytesOf } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import { Crc64 } from '../../src/rdb/crc64.ts';
import { seed } from '../support/seed.ts';

const POLYNOMIAL = 0x95ac9329ac4bc9b5n;

/** Bit by bit, as the definition says. */
function slowly(bytes: Uint8Array): bigint {
  let crc = 0n;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ POLYNOMIAL : crc >> 1n;
  }
  return crc;
}

function sumOf(crc: Crc64): bigint {
  return (BigInt(crc.hi >>> 0) << 32n) | BigInt(crc.lo >>> 0);
}

describe('CRC-64', () => {
  test('has the check value of its definition', () => {
    const digits = bytesOf('123456789');
    expect(sumOf(new Crc64().update(digits, 0, digits.length))).toBe(0xe9c6d914c4b8d9can);
    expect(sumOf(new Crc64())).toBe(0n);
  });

  test('is what the definition says, in pieces of any length', () => {
    const prng = new Prng(seed);
    const crc = new Crc64();
    for (let round = 0; round < 300; round++) {
      const bytes = new Uint8Array(prng.below(120)).map(() => prng.below(256));
      crc.reset();
      for (let at = 0; at < bytes.length; ) {
        const next = Math.min(bytes.length, at + 1 + prng.below(30));
        crc.update(bytes, at, next);
        at = next;
      }
      const expected = slowly(bytes);
      expect(sumOf(crc)).toBe(expected);
      const written = new Uint8Array(10);
      crc.write(written, 1);
      expect(Buffer.from(written.subarray(1, 9)).readBigUInt64LE()).toBe(expected);
      expect(crc.equals(written, 1)).toBe(true);
      written[1 + prng.below(8)] = (written[3] ?? 0) ^ 1;
      expect(Buffer.from(written.subarray(1, 9)).readBigUInt64LE() === expected).toBe(crc.equals(written, 1));
    }
  });
});
