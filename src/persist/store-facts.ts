/** What a store remembers of what it has done, for INFO. */
import type { DurabilityStatus } from '../command/ports/durability.ts';

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

export function noFacts(now_ms: number): StoreFacts {
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
