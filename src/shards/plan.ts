/**
 * Decides where a request goes in a pool: one shard, parts of it to several, all of it to every shard, or nowhere
 * because its keys lie in different slots. Pure: no threads, no sockets.
 */
import { slotOf } from '../base/crc16.ts';
import { parseInteger } from '../base/integer.ts';
import { EVERY_KEY } from '../command/args.ts';
import type { Command, KeyList } from '../command/command.ts';
import type { Request } from '../resp/request.ts';
import { cursorBytes, splitScanCursor } from './merge.ts';
import { shardOfKey, shardOfSlot } from './slots.ts';

/** The arguments of a request that one shard gets: positions, the command's name first. */
export interface Part {
  readonly shard: number;
  readonly positions: readonly number[];
}

export type Plan =
  | { readonly kind: 'one'; readonly shard: number }
  | { readonly kind: 'crossSlot' }
  /** The argument at this position makes keys out of values: they may lie anywhere. */
  | { readonly kind: 'everyKey'; readonly position: number }
  /** `owners[i]` is the index of the part that holds row i. */
  | {
      readonly kind: 'parts';
      readonly merge: 'sum' | 'inOrder' | 'ok';
      readonly parts: readonly Part[];
      readonly owners: readonly number[];
    }
  | { readonly kind: 'every'; readonly merge: 'sum' | 'concat' | 'ok' }
  /** The cursor argument has to be replaced by the shard's own cursor. */
  | { readonly kind: 'cursor'; readonly shard: number; readonly position: number; readonly cursor: Uint8Array }
  | { readonly kind: 'random' };

const CROSS_SLOT: Plan = { kind: 'crossSlot' };
/** SCAN's cursor is its first argument. */
const CURSOR_POSITION = 1;

/** The plan of a request whose parse succeeded and whose keys stand in `keys`. */
export function planOf(command: Command, request: Request, keys: KeyList, shards: number): Plan {
  const fanout = command.fanout;
  if (fanout === undefined) return planOneSlot(request, keys, shards);
  switch (fanout.split) {
    case 'keys':
      return planParts(request, keys, shards, fanout.merge);
    case 'shards':
      return { kind: 'every', merge: fanout.merge };
    case 'random':
      return { kind: 'random' };
    case 'cursor': {
      const given = parseInteger(request.bytes, request.start(CURSOR_POSITION), request.end(CURSOR_POSITION));
      const { shard, cursor } = splitScanCursor(given, shards);
      return { kind: 'cursor', shard, position: CURSOR_POSITION, cursor: cursorBytes(cursor) };
    }
  }
}

function slotOfArgument(request: Request, position: number): number {
  return slotOf(request.bytes, request.start(position), request.end(position));
}

function planOneSlot(request: Request, keys: KeyList, shards: number): Plan {
  if (keys.count === 0) return { kind: 'one', shard: 0 };
  const slot = slotOfArgument(request, keys.at[0] as number);
  for (let i = 1; i < keys.count; i++) {
    const at = keys.at[i] as number;
    if (((keys.access[i] as number) & EVERY_KEY) !== 0) return { kind: 'everyKey', position: at };
    if (slotOfArgument(request, at) !== slot) return CROSS_SLOT;
  }
  return { kind: 'one', shard: shardOfSlot(slot, shards) };
}

/** Rows (a key, or a key with its value) stay whole; each goes to the shard of its key. */
function planParts(request: Request, keys: KeyList, shards: number, merge: 'sum' | 'inOrder' | 'ok'): Plan {
  const first = keys.at[0] as number;
  const width = (request.argc - first) / keys.count;
  const parts: { shard: number; positions: number[] }[] = [];
  const partOfShard = new Array<number>(shards).fill(-1);
  const owners: number[] = [];
  for (let i = 0; i < keys.count; i++) {
    const at = keys.at[i] as number;
    const shard = shardOfKey(request.bytes, request.start(at), request.end(at), shards);
    let index = partOfShard[shard] as number;
    if (index < 0) {
      index = parts.length;
      partOfShard[shard] = index;
      const leading: number[] = [];
      for (let position = 0; position < first; position++) leading.push(position);
      parts.push({ shard, positions: leading });
    }
    const part = parts[index] as { positions: number[] };
    for (let offset = 0; offset < width; offset++) part.positions.push(at + offset);
    owners.push(index);
  }
  const only = parts.length === 1 ? parts[0] : undefined;
  return only === undefined ? { kind: 'parts', merge, parts, owners } : { kind: 'one', shard: only.shard };
}
