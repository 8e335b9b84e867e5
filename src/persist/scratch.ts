/**
 * An engine that nobody is served from: what was written down is loaded into it and read out of it again, in slices, so that
 * whoever shares its thread is not held up. Time stands still in it: nothing it holds goes of its own accord.
 */
import { type Clock, STILL_CLOCK, systemClock } from '../base/clock.ts';
import { SNAPSHOT_ENTRIES_PER_LOOK } from '../base/limits.ts';
import type { Database } from '../engine/database.ts';
import { Breath } from './breath.ts';
import type { ReplayPort } from './load.ts';

export interface Scratch extends ReplayPort {
  /** The tenants that what was loaded speaks of. */
  tenantName(number: number): string | undefined;
}

export type ScratchFactory = () => Scratch;

/** For loads into it: at the time 0 no key of a dump is over, so that everything is kept as it was written. */
export const LOAD_CLOCK: Clock = { nowMs: STILL_CLOCK.nowMs, monotonicMs: systemClock.monotonicMs };

export interface ScratchEntry {
  tenant: string;
  databaseNumber: number;
  database: Database;
  ref: number;
}

/** Visits every entry, tenant by tenant, until the visitor says what is wrong. The entry is the same object each time. */
export async function eachEntry(
  scratch: Scratch,
  visit: (entry: Readonly<ScratchEntry>) => string | undefined,
): Promise<string | undefined> {
  const databases: { tenant: string; database: Database }[] = [];
  scratch.shard.eachRealm((realm) => {
    const tenant = scratch.tenantName(realm.number);
    if (tenant !== undefined) realm.eachDatabase((database) => databases.push({ tenant, database }));
  });
  const breath = new Breath();
  const refs: number[] = [];
  for (const { tenant, database } of databases) {
    const entry: ScratchEntry = { tenant, database, databaseNumber: database.number, ref: 0 };
    let cursor = 0;
    do {
      refs.length = 0;
      cursor = database.keys.index.scan(cursor, SNAPSHOT_ENTRIES_PER_LOOK, (ref) => refs.push(ref));
      for (const ref of refs) {
        entry.ref = ref;
        const fault = visit(entry);
        if (fault !== undefined) return fault;
      }
      if (breath.isDue) await breath.take();
    } while (cursor !== 0);
  }
  return undefined;
}

/** How many keys each tenant has that has any. */
export function keysByTenant(scratch: Scratch): Map<string, number> {
  const counts = new Map<string, number>();
  scratch.shard.eachRealm((realm) => {
    let keys = 0;
    realm.eachDatabase((database) => {
      keys += database.size();
    });
    const name = scratch.tenantName(realm.number);
    if (keys > 0 && name !== undefined) counts.set(name, keys);
  });
  return counts;
}

/** Whether any hash of these tenants has fields that expire, which only the later RDB version can hold. */
export function hasExpiringFields(scratch: Scratch, isWanted: (tenant: string) => boolean): boolean {
  let found = false;
  scratch.shard.eachRealm((realm) => {
    const name = scratch.tenantName(realm.number);
    if (name !== undefined && isWanted(name) && realm.hasExpiringFields()) found = true;
  });
  return found;
}
