/** What one shard's store says of itself, and what it writes at the head of a snapshot. */
import type { DurabilityStatus } from '../command/ports/durability.ts';

/** The part of the figures that is only ever set. */
export type StoreFacts = Pick<
  DurabilityStatus,
  | 'isLastSaveGood'
  | 'lastSave_ms'
  | 'lastSaveTook_s'
  | 'saves'
  | 'isLastRewriteGood'
  | 'lastRewriteTook_s'
  | 'rewrites'
  | 'rewriteFailures'
  | 'keysLoaded'
  | 'keysExpiredOnLoad'
  | 'loadedBytes'
  | 'loadTotalBytes'
>;

/** Before anything was saved or loaded. */
export function firstFacts(now_ms: number): StoreFacts {
  return {
    isLastSaveGood: true,
    lastSave_ms: now_ms,
    lastSaveTook_s: -1,
    saves: 0,
    isLastRewriteGood: true,
    lastRewriteTook_s: -1,
    rewrites: 0,
    rewriteFailures: 0,
    keysLoaded: 0,
    keysExpiredOnLoad: 0,
    loadedBytes: 0,
    loadTotalBytes: 0,
  };
}

/** What redis-server writes at the head of a dump. */
export function auxOf(
  now_ms: number,
  usedBytes: number,
  isBase: boolean,
): readonly (readonly [name: string, value: string])[] {
  return [
    ['redis-ver', '7.2.0'],
    ['redis-bits', '64'],
    ['ctime', String(Math.floor(now_ms / 1000))],
    ['used-mem', String(usedBytes)],
    ['aof-base', isBase ? '1' : '0'],
  ];
}
