/** What one shard's store says of itself. */
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
