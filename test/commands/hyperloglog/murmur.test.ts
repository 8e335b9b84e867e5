import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MurmurHash64A } from '../../../src/commands/hyperloglog/murmur.ts';

const FACTOR = 0xc6a4a7935bd1e995n;

/** The definition, in 64-bit integers. */
function slowly(bytes: Uint8Array, seed: number): bigint {
  const times = (value: bigint) => BigInt.asUintN(64, value * FACTOR);
  let hash = BigInt(seed) ^ times(BigInt(bytes.length));
  const blocks = bytes.length & ~7;
  for (let at = 0; at < blocks; at += 8) {
    let block = 0n;
    for (let i = 7; i >= 0; i--) block = (block << 8n) | BigInt(bytes[at + i] ?? 0);
    block = times(block);
    block ^= block >> 47n;
    hash = times(hash ^ times(block));
  }
  for (let at = bytes.length - 1; at >= blocks; at--) hash ^= BigInt(bytes[at] ?? 0) << BigInt((at - blocks) * 8);
  if (blocks < bytes.length) hash = times(hash);
  hash = times(hash ^ (hash >> 47n));
  return hash ^ (hash >> 47n);
}

function quickly(bytes: Uint8Array, seed: number, start = 0): bigint {
  const murmur = new MurmurHash64A(seed);
  murmur.hash(bytes, start, bytes.length);
  return (BigInt(murmur.high >>> 0) << 32n) | BigInt(murmur.low >>> 0);
}

it('the hash in halves is the hash in 64-bit integers', () => {
  const cases = fc.record({ bytes: fc.uint8Array({ maxLength: 80 }), seed: fc.nat(0xffffffff) });
  fc.assert(
    fc.property(cases, ({ bytes, seed }) => quickly(bytes, seed) === slowly(bytes, seed)),
    { numRuns: 10_000 },
  );
});

it('the hash of a range looks at nothing before it', () => {
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => i * 7);
  for (let start = 0; start <= bytes.length; start++) {
    expect(quickly(bytes, 0xadc83b19, start)).toBe(slowly(bytes.slice(start), 0xadc83b19));
  }
});
