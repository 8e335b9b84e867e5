/** Who asks a shard, and who hears its news, where a test or a bench has neither. */
import type { Caller } from '../../src/command/ports/backend.ts';
import type { ShardNews } from '../../src/shards/aftermath.ts';

export const CALLER: Caller = {
  id: 1,
  tenantNumber: 0,
  databaseNumber: 0,
  noTouch: false,
  isInTransaction: false,
  tracks: false,
};

export const SILENT: ShardNews = { served() {}, event() {}, invalidated() {}, flushed() {}, bug() {} };
