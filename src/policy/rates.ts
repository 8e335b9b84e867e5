/** How fast users, tenants and addresses may be, as the files say it. `schema.ts` puts it where it belongs. */
import { z } from 'zod';
import { type Budget, parseBytes, type UserBudget } from '../tenancy/budget.ts';
import type { RateTerms } from '../tenancy/rate.ts';

/** Up to 32 bits. */
const count = z.int().min(0).max(0xffffffff).default(0);

const bytes = z
  .unknown()
  .transform((value, context): number => {
    const parsed = typeof value === 'string' || typeof value === 'number' ? parseBytes(String(value)) : parseBytes('');
    if (parsed.ok) return parsed.value;
    context.addIssue({ code: 'custom', message: parsed.fault });
    return z.NEVER;
  })
  .prefault(0);

/** Seconds: less than a hundredth is no burst, more than an hour no rate. */
const burst = z.number().min(0.01).max(3600).default(1);

/** Keys of a rate, wherever one may stand. */
export const rateKeys = {
  commands_per_second: count,
  bytes_in_per_second: bytes,
  bytes_out_per_second: bytes,
  connections_per_second: count,
  burst,
  mode: z.enum(['refuse', 'delay']).default('refuse'),
};

interface Written {
  readonly commands_per_second: number;
  readonly bytes_in_per_second: number;
  readonly bytes_out_per_second: number;
  readonly connections_per_second: number;
  readonly burst: number;
  readonly mode: RateTerms['mode'];
}

export function rateTerms(written: Written): RateTerms {
  return {
    commandsPerSecond: written.commands_per_second,
    bytesInPerSecond: written.bytes_in_per_second,
    bytesOutPerSecond: written.bytes_out_per_second,
    connectionsPerSecond: written.connections_per_second,
    burstSeconds: written.burst,
    mode: written.mode,
  };
}

/** `limits.address`; undefined when nothing of it is limited. */
export const addressRatesSchema = z
  .preprocess((value) => value ?? {}, z.strictObject(rateKeys))
  .transform((written): RateTerms | undefined => limiting(rateTerms(written)))
  .prefault({});

/** `budget` of a user; undefined when it has none. */
export const userBudgetSchema = z
  .preprocess((value) => value ?? {}, z.strictObject({ ...rateKeys, connections: count }))
  .transform((written): UserBudget | undefined => {
    const rates = limiting(rateTerms(written));
    if (rates === undefined && written.connections === 0) return undefined;
    return { ...rateTerms(written), connections: written.connections };
  })
  .prefault({});

function limiting(terms: RateTerms): RateTerms | undefined {
  const { commandsPerSecond, bytesInPerSecond, bytesOutPerSecond, connectionsPerSecond } = terms;
  return commandsPerSecond + bytesInPerSecond + bytesOutPerSecond + connectionsPerSecond === 0 ? undefined : terms;
}

/** All of it in one text, for telling whether it has changed. */
export function ratesText(terms: RateTerms | Budget | UserBudget | undefined): string {
  return terms === undefined ? 'none' : JSON.stringify(terms);
}
