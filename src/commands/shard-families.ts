/**
 * Every command that runs inside a shard, and the containers they live in. Gateway and workers build their tables from
 * this one list, so that command ids agree everywhere: the gateway adds its own commands behind it.
 */
import type { Declaration } from '../command/spec.ts';
import { bitmapDeclarations } from './bitmap/family.ts';
import { debug } from './generic/debug.ts';
import { del, exists, touch, unlink } from './generic/delete.ts';
import { dump } from './generic/dump.ts';
import { expire, expireat, persist, pexpire, pexpireat } from './generic/expire.ts';
import { flushall, flushdb, swapdb } from './generic/flush.ts';
import { dbsize, keys, randomkey, scan } from './generic/keyspace.ts';
import { memory } from './generic/memory.ts';
import { object } from './generic/object.ts';
import { copy, move, rename, renamenx } from './generic/rename.ts';
import { restore } from './generic/restore.ts';
import { sortCommand, sortReadOnly } from './generic/sort.ts';
import { expiretime, pexpiretime, pttl, ttl } from './generic/ttl.ts';
import { type } from './generic/types.ts';
import { geoDeclarations } from './geo/family.ts';
import { hashDeclarations } from './hash/family.ts';
import { hyperloglogDeclarations } from './hyperloglog/family.ts';
import { listDeclarations } from './list/family.ts';
import { setDeclarations } from './set/family.ts';
import { streamDeclarations } from './stream/family.ts';
import { append, setrange } from './string/change.ts';
import { decr, decrby, incr, incrby, incrbyfloat } from './string/count.ts';
import { getdel, getex, getset } from './string/exchange.ts';
import { get, getrange, mget, strlen, substr } from './string/get.ts';
import { lcs } from './string/lcs.ts';
import { mset, msetnx } from './string/mset.ts';
import { psetex, set, setex, setnx } from './string/set.ts';
import { unwatch, watch } from './transaction/watch.ts';
import { zsetDeclarations } from './zset/family.ts';

const string: readonly Declaration[] = [
  append,
  decr,
  decrby,
  get,
  getdel,
  getex,
  getrange,
  getset,
  incr,
  incrby,
  incrbyfloat,
  lcs,
  mget,
  mset,
  msetnx,
  psetex,
  set,
  setex,
  setnx,
  setrange,
  strlen,
  substr,
];

const generic: readonly Declaration[] = [
  copy,
  dbsize,
  debug,
  del,
  dump,
  exists,
  expire,
  expireat,
  expiretime,
  flushall,
  flushdb,
  keys,
  memory,
  move,
  object,
  persist,
  pexpire,
  pexpireat,
  pexpiretime,
  pttl,
  randomkey,
  rename,
  renamenx,
  restore,
  scan,
  sortCommand,
  sortReadOnly,
  swapdb,
  touch,
  ttl,
  type,
  unlink,
];

export const shardDeclarations: readonly Declaration[] = [
  ...string,
  ...generic,
  ...bitmapDeclarations,
  ...hyperloglogDeclarations,
  ...setDeclarations,
  ...hashDeclarations,
  ...zsetDeclarations,
  ...geoDeclarations,
  ...listDeclarations,
  ...streamDeclarations,
  unwatch,
  watch,
];
