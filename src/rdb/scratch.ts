/** A database that nobody sees, to build values in that are only checked. */
import { STILL_CLOCK } from '../base/clock.ts';
import { KeyedHash } from '../base/hash.ts';
import { Prng } from '../base/prng.ts';
import type { Database } from '../engine/database.ts';
import { Shard } from '../engine/shard.ts';

export function scratchDatabase(): Database {
  const shard = new Shard({ clock: STILL_CLOCK, prng: new Prng(1), hash: new KeyedHash(1, 2) });
  return shard.realm(0).database(0);
}
