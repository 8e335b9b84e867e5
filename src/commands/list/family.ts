/** The commands of lists. */
import type { Declaration } from '../../command/spec.ts';
import { linsert, lrem, lset, ltrim } from './edit.ts';
import { blmove, brpoplpush, lmove, rpoplpush } from './move.ts';
import { blmpop, blpop, brpop, lmpop, lpop, rpop } from './pop.ts';
import { lpush, lpushx, rpush, rpushx } from './push.ts';
import { lindex, llen, lpos, lrange } from './read.ts';

export const listDeclarations: readonly Declaration[] = [
  blmove,
  blmpop,
  blpop,
  brpop,
  brpoplpush,
  lindex,
  linsert,
  llen,
  lmove,
  lmpop,
  lpop,
  lpos,
  lpush,
  lpushx,
  lrange,
  lrem,
  lset,
  ltrim,
  rpop,
  rpoplpush,
  rpush,
  rpushx,
];
