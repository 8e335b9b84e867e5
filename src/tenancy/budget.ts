/** What a tenant may use. Every limit is 0 for none. */

import type { EvictionPolicy } from '../base/eviction-policies.ts';
import { failure, type Result, success } from '../base/result.ts';
import { NO_RATES, type RateTerms } from './rate.ts';

export interface Budget extends RateTerms {
  /** Memory of keys and values over all shards. */
  readonly memoryBytes: number;
  /** What happens when it is used up. */
  readonly policy: EvictionPolicy;
  readonly connections: number;
  /** Bytes of one argument of a request. */
  readonly largestValueBytes: number;
  /** Bytes of one reply. */
  readonly largestReplyBytes: number;
}

export const NO_BUDGET: Budget = {
  memoryBytes: 0,
  policy: 'noeviction',
  connections: 0,
  ...NO_RATES,
  largestValueBytes: 0,
  largestReplyBytes: 0,
};

/** What one user may use of its tenant's budget. */
export interface UserBudget extends RateTerms {
  /** Open at a time. */
  readonly connections: number;
}

/** Redis' units (memtoull): `k` is 1000, `kb` is 1024, letters in any case, no blank and no fraction. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['k', 1000],
  ['kb', 1024],
  ['m', 1000 ** 2],
  ['mb', 1024 ** 2],
  ['g', 1000 ** 3],
  ['gb', 1024 ** 3],
]);

/** The bytes that `64mb`, `1gb`, `100kb` or `4096` stand for. */
export function parseBytes(text: string): Result<number> {
  const [, digits = '', unit = ''] = /^([0-9]{1,16})([a-zA-Z]{0,2})$/.exec(text) ?? [];
  const factor = UNITS.get(unit.toLowerCase());
  if (digits === '' || factor === undefined) return failure('must be bytes, such as 4096, 100kb, 64mb or 1gb');
  const bytes = Number(digits) * factor;
  if (!Number.isSafeInteger(bytes)) return failure('is more bytes than can be counted');
  return success(bytes);
}
