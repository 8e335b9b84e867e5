/** The commands of hashes. */
import type { Declaration } from '../../command/spec.ts';
import { hincrby, hincrbyfloat } from './count.ts';
import { hgetdel, hgetex } from './exchange.ts';
import { hexpire, hexpireat, hpersist, hpexpire, hpexpireat } from './expire.ts';
import { hrandfield } from './random.ts';
import { hexists, hget, hgetall, hkeys, hlen, hmget, hstrlen, hvals } from './read.ts';
import { hscan } from './scan.ts';
import { hsetex } from './setex.ts';
import { hexpiretime, hpexpiretime, hpttl, httl } from './ttl.ts';
import { hdel, hmset, hset, hsetnx } from './write.ts';

export const hashDeclarations: readonly Declaration[] = [
  hdel,
  hexists,
  hexpire,
  hexpireat,
  hexpiretime,
  hget,
  hgetall,
  hgetdel,
  hgetex,
  hincrby,
  hincrbyfloat,
  hkeys,
  hlen,
  hmget,
  hmset,
  hpersist,
  hpexpire,
  hpexpireat,
  hpexpiretime,
  hpttl,
  hrandfield,
  hscan,
  hset,
  hsetex,
  hsetnx,
  hstrlen,
  httl,
  hvals,
];
