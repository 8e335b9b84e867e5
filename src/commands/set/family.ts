/** The commands of sets. */
import type { Declaration } from '../../command/spec.ts';
import { sadd, smove, srem } from './change.ts';
import { sdiff, sdiffstore, sinter, sintercard, sinterstore, sunion, sunionstore } from './combine.ts';
import { spop, srandmember } from './random.ts';
import { scard, sismember, smembers, smismember, sscan } from './read.ts';

export const setDeclarations: readonly Declaration[] = [
  sadd,
  scard,
  sdiff,
  sdiffstore,
  sinter,
  sintercard,
  sinterstore,
  sismember,
  smembers,
  smismember,
  smove,
  spop,
  srandmember,
  srem,
  sscan,
  sunion,
  sunionstore,
];
