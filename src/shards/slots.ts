/**
 * Which shard owns a key: the slots of Redis Cluster, cut into equal contiguous ranges, so that hash tags keep keys
 * together here exactly where they do there.
 */
import { slotOf } from '../base/crc16.ts';

/** Bits of a slot number: 16,384 slots. */
const SLOT_BITS = 14;

export function shardOfSlot(slot: number, shards: number): number {
  return (slot * shards) >>> SLOT_BITS;
}

export function shardOfKey(bytes: Uint8Array, start: number, end: number, shards: number): number {
  return shardOfSlot(slotOf(bytes, start, end), shards);
}
