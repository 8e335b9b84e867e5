/** Drawing from lists, as scenarios and generators do. */
import type { Prng } from '../../src/base/prng.ts';

export function some(prng: Prng, from: readonly string[], least = 1): string[] {
  return Array.from({ length: least + prng.below(3) }, () => one(prng, from));
}

export function one<Item>(prng: Prng, from: readonly Item[]): Item {
  const item = from[prng.below(from.length)];
  if (item === undefined) throw new Error('nothing to draw from');
  return item;
}
