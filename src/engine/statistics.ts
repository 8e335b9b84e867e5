/** Counters of one realm in one shard: what INFO shows of a tenant. Plain fields, as some are raised on every read. */
export class Statistics {
  hits: number;
  misses: number;
  /** Keys that expired, lazily or by the cycle. */
  expired: number;
  /** Fields of hashes that expired and were removed: expired_subkeys. */
  expiredFields: number;
  /** Evicted for memory. */
  evicted: number;
  /** Slices of the expiry cycle that ended with work left: expired_time_cap_reached_count. */
  expireSlicesCut: number;
  /** Share of keys with an expiry that were found expired but not yet removed, in percent: expired_stale_perc. */
  expiredStalePercent: number;

  constructor() {
    this.hits = 0;
    this.misses = 0;
    this.expired = 0;
    this.expiredFields = 0;
    this.evicted = 0;
    this.expireSlicesCut = 0;
    this.expiredStalePercent = 0;
  }

  reset(): void {
    this.hits = 0;
    this.misses = 0;
    this.expired = 0;
    this.expiredFields = 0;
    this.evicted = 0;
    this.expireSlicesCut = 0;
    this.expiredStalePercent = 0;
  }
}

/** What the databases of a realm share. */
export class RealmContext {
  readonly number: number;
  readonly statistics: Statistics;
  /** Whether the access clock of this realm's entries counts frequency instead of recency. */
  usesLfu: boolean;

  constructor(number: number) {
    this.number = number;
    this.statistics = new Statistics();
    this.usesLfu = false;
  }
}
