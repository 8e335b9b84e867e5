/**
 * Chance as a parameter: xoshiro128**, seeded by whoever owns the world it is used in, so that a run can be repeated.
 * Not for secrets; those come from node:crypto.
 */
export class Prng {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    // SplitMix32 spreads one word over the state, so that neighbouring seeds give unrelated sequences.
    let state = seed | 0;
    const next = () => {
      state = (state + 0x9e3779b9) | 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      return mixed ^ (mixed >>> 15);
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next() | 1;
  }

  /** A uniformly distributed unsigned 32-bit integer. */
  uint32(): number {
    const multiplied = Math.imul(this.b, 5);
    const result = Math.imul((multiplied << 7) | (multiplied >>> 25), 9) >>> 0;
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  /** Uniform in [0, bound); bound up to 2^53. */
  below(bound: number): number {
    if (bound <= 0x100000000) return Math.floor((this.uint32() / 0x100000000) * bound);
    return Math.floor(this.unit() * bound);
  }

  /** Uniform in [0, 1) with 53 bits. */
  unit(): number {
    return (this.uint32() * 0x200000 + (this.uint32() >>> 11)) / 0x20000000000000;
  }
}
