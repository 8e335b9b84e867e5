/**
 * Every command of the process. The shard commands come first and in the order in which workers know them, so that ids
 * agree; what runs at the gateway stands behind them.
 */
import type { Declaration } from '../command/spec.ts';
import { connectionDeclarations } from './connection/family.ts';
import { wait } from './generic/wait.ts';
import { pubsubDeclarations } from './pubsub/family.ts';
import { serverDeclarations } from './server/family.ts';
import { shardDeclarations } from './shard-families.ts';
import { transactionDeclarations } from './transaction/family.ts';

/** Families whose commands need more than the ports offer bring their own declarations, bound to what they need. */
export interface BoundFamilies {
  readonly acl: readonly Declaration[];
}

export function declarations({ acl }: BoundFamilies): readonly Declaration[] {
  return [
    ...shardDeclarations,
    ...connectionDeclarations,
    ...acl,
    wait,
    ...transactionDeclarations,
    ...pubsubDeclarations,
    ...serverDeclarations,
  ];
}
