/**
 * Groups and consumers: few things with names that are listed in the order of their names. Names lie in the arena, as plain
 * members do; the things themselves are objects in a sorted array.
 *
 * Invariant: every thing's `name` is a block of its own, charged to the account for as long as the thing is in the list.
 */
import type { Arena } from '../arena.ts';
import { MISSING } from '../entry.ts';
import { memberBytes, nameLengthOf, nameStartOf, PLAIN, writeMember } from '../member.ts';
import type { Ground } from '../members.ts';
import { compareRanges } from '../name-order.ts';

export interface Named {
  /** The block of its name. */
  readonly name: number;
}

/** Makes the block of a name; MISSING when the arena is full. */
export function makeName(ground: Ground, bytes: Uint8Array, start: number, end: number): number {
  const { arena, account } = ground;
  const name = arena.allocate(memberBytes(PLAIN, end - start, 0));
  if (name === MISSING) return MISSING;
  account.charge(arena.lastBytes);
  writeMember(arena, name, PLAIN, bytes, start, end, 0);
  return name;
}

export function copyName(ground: Ground, name: number): number {
  const start = nameStartOf(ground.arena, name);
  return makeName(ground, ground.arena.bytesOf(name), start, start + nameLengthOf(ground.arena, name));
}

export function freeName(ground: Ground, name: number): void {
  ground.account.credit(ground.arena.free(name));
}

function compareName(arena: Arena, name: number, bytes: Uint8Array, start: number, end: number): number {
  const length = nameLengthOf(arena, name);
  return compareRanges(arena.bytesOf(name), nameStartOf(arena, name), length, bytes, start, end - start);
}

/** Where a name is in a sorted list, or, as -1 - index, where it belongs. */
export function indexOfName(
  arena: Arena,
  list: readonly Named[],
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const compared = compareName(arena, (list[middle] as Named).name, bytes, start, end);
    if (compared === 0) return middle;
    if (compared < 0) low = middle + 1;
    else high = middle;
  }
  return -1 - low;
}

/** The same for a thing that is in the list. */
export function indexOf(arena: Arena, list: readonly Named[], thing: Named): number {
  const start = nameStartOf(arena, thing.name);
  return indexOfName(arena, list, arena.bytesOf(thing.name), start, start + nameLengthOf(arena, thing.name));
}
