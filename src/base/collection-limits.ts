/**
 * Up to which size a collection stays one compact blob: the `*-max-listpack-*` options and their like, by the names and
 * defaults of redis.conf. Set for the whole process and read when a collection grows; never applied backwards.
 */
export interface CollectionLimits {
  readonly hashMaxListpackEntries: number;
  readonly hashMaxListpackValueBytes: number;
  readonly setMaxIntsetEntries: number;
  readonly setMaxListpackEntries: number;
  readonly setMaxListpackValueBytes: number;
  readonly zsetMaxListpackEntries: number;
  readonly zsetMaxListpackValueBytes: number;
  /** Positive: elements of one node; -1 to -5: 4, 8, 16, 32 or 64 KiB of one node. */
  readonly listMaxListpackSize: number;
  /** Bytes and entries of one node; 0 = no limit. */
  readonly streamNodeMaxBytes: number;
  readonly streamNodeMaxEntries: number;
  readonly hllSparseMaxBytes: number;
}

export const COLLECTION_LIMITS_DEFAULT: CollectionLimits = {
  hashMaxListpackEntries: 512,
  hashMaxListpackValueBytes: 64,
  setMaxIntsetEntries: 512,
  setMaxListpackEntries: 128,
  setMaxListpackValueBytes: 64,
  zsetMaxListpackEntries: 128,
  zsetMaxListpackValueBytes: 64,
  listMaxListpackSize: -2,
  streamNodeMaxBytes: 4096,
  streamNodeMaxEntries: 100,
  hllSparseMaxBytes: 3000,
};
