/** What a fuzzing target is, and how its inputs are made: by fast-check from a description, and by spoiling good ones. */
import fc from 'fast-check';
import { Prng } from '../../src/base/prng.ts';

export interface Target {
  readonly name: string;
  /** Of all inputs, how many parts are its own. */
  readonly share: number;
  /** Good inputs, to be spoiled. */
  readonly seeds: readonly Uint8Array[];
  /** What the format is made of, to be put in anywhere. */
  readonly dictionary: readonly Uint8Array[];
  /** Inputs with the shape of the format. */
  readonly shaped: fc.Arbitrary<Uint8Array>;
  /** Throws when something that must hold does not; that it comes back at all is looked at by whoever calls it. */
  readonly run: (input: Uint8Array, prng: Prng) => void;
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** Inputs come in blocks of so many, each block out of one number: any of them can be made again alone. */
const BLOCK = 128;
const LENGTH_MAX = 8192;
const CHANGES_MAX = 6;
const EDGES = [0x00, 0x01, 0x0a, 0x0d, 0x20, 0x22, 0x2a, 0x24, 0x7f, 0x80, 0xff];

function blockSeed(seed: number, block: number): number {
  return (Math.imul(seed, 0x9e3779b1) ^ Math.imul(block + 1, 0x85ebca6b)) | 0;
}

/** One block: shaped ones and spoiled ones in turns, the shaped ones spoiled in part as well. */
function blockOf(target: Target, seed: number, block: number): readonly Uint8Array[] {
  const prng = new Prng(blockSeed(seed, block));
  const isShaped = block % 2 === 0;
  const shaped = isShaped ? fc.sample(target.shaped, { seed: blockSeed(seed, block), numRuns: BLOCK }) : [];
  return Array.from({ length: BLOCK }, (_, i) => {
    const start = shaped[i] ?? one(prng, target.seeds);
    return isShaped && prng.below(2) === 0 ? start : spoiled(prng, start, target);
  });
}

function one<Item>(prng: Prng, items: readonly Item[]): Item {
  return items[prng.below(items.length)] as Item;
}

function spoiled(prng: Prng, start: Uint8Array, target: Target): Uint8Array {
  let bytes: Buffer = Buffer.from(start);
  for (let left = 1 + prng.below(CHANGES_MAX); left > 0; left--) bytes = changed(prng, bytes, target);
  return bytes.subarray(0, LENGTH_MAX);
}

function changed(prng: Prng, bytes: Buffer, { seeds, dictionary }: Target): Buffer {
  const at = prng.below(bytes.length + 1);
  const length = prng.below(Math.min(bytes.length - at, 16) + 1);
  const put = (middle: Uint8Array, skipped: number) =>
    Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(at + skipped)]);
  switch (prng.below(8)) {
    case 0:
      return put(Buffer.of(prng.below(256)), 1);
    case 1:
      return put(Buffer.of(one(prng, EDGES)), prng.below(2));
    case 2:
      return put(Buffer.of((bytes[at] ?? 0) ^ (1 << prng.below(8))), 1);
    case 3:
      return put(new Uint8Array(0), length);
    case 4:
      return put(Buffer.concat([bytes.subarray(at, at + length), bytes.subarray(at, at + length)]), length);
    case 5:
      return put(one(prng, dictionary), prng.below(2) === 0 ? 0 : length);
    case 6:
      return Buffer.from(bytes.subarray(0, at));
    default:
      return Buffer.concat([bytes.subarray(0, at), one(prng, seeds)]);
  }
}

export interface Finding {
  readonly index: number;
  readonly input: Uint8Array;
  readonly why: string;
}

/** Runs inputs [from, from + count) and stops at the first that fails, or that takes longer than it may. */
export function fuzz(
  target: Target,
  seed: number,
  { from, count, slowest_ms, progress }: FuzzOptions,
): Finding | undefined {
  for (let block = Math.floor(from / BLOCK); block * BLOCK < from + count; block++) {
    progress?.(block * BLOCK);
    for (const [place, input] of blockOf(target, seed, block).entries()) {
      const index = block * BLOCK + place;
      if (index < from || index >= from + count) continue;
      const why = failureOf(target, input, seed ^ index, slowest_ms);
      if (why !== undefined) return { index, input, why };
    }
  }
  return undefined;
}

export interface FuzzOptions {
  readonly from: number;
  readonly count: number;
  readonly slowest_ms: number;
  readonly progress?: (index: number) => void;
}

/** Why an input fails; undefined when it does not. */
export function failureOf(target: Target, input: Uint8Array, seed: number, slowest_ms: number): string | undefined {
  const started_ms = performance.now();
  try {
    target.run(input, new Prng(seed));
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const took_ms = performance.now() - started_ms;
  return took_ms > slowest_ms ? `took ${took_ms.toFixed(0)} ms` : undefined;
}
