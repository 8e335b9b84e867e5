/**
 * At least one request of every command that has keys, for cases that must hold for all of them. Which permission each key
 * takes is written down here a second time, so that it does not come from what is being tested: `<k` is read, `>k` written,
 * `<>k` both, and `=k` only looked at from outside (its type, its size), for which either permission will do. Behind the mark
 * stands the type that the request expects there.
 */

export type KeyType = 'string' | 'list' | 'set' | 'hash' | 'zset' | 'stream';

export interface KeyPlace {
  readonly at: number;
  readonly type: KeyType;
  readonly reads: boolean;
  readonly writes: boolean;
}

export interface Template {
  /** As it stands below. */
  readonly line: string;
  readonly words: readonly string[];
  readonly keys: readonly KeyPlace[];
}

const LINES = `
APPEND >string v
DECR <>string
DECRBY <>string 2
GET <string
GETDEL <>string
GETEX <>string
GETEX <>string EX 100
GETEX <>string PERSIST
GETRANGE <string 0 -1
GETSET <>string v
INCR <>string
INCRBY <>string 2
INCRBYFLOAT <>string 1.5
LCS <string <string
MGET <string <string
MSET >string v >string v
MSETNX >string v >string v
PSETEX >string 100000 v
SET >string v
SET <>string v GET
SET >string v KEEPTTL
SETEX >string 100 v
SETNX >string v
SETRANGE >string 0 v
STRLEN =string
SUBSTR <string 0 -1
COPY <string >string REPLACE
DEL >string >string
DUMP <hash
EXISTS =string =string
EXPIRE >list 100
EXPIREAT >list 9999999999
EXPIRETIME <list
PEXPIRE >list 100000
PEXPIREAT >list 9999999999999
PEXPIRETIME <list
MEMORY USAGE =hash
DEBUG OBJECT <hash
MOVE <>hash 3
OBJECT ENCODING =hash
OBJECT FREQ =hash
OBJECT IDLETIME =hash
OBJECT REFCOUNT =hash
PERSIST >hash
PTTL <hash
TTL <hash
RENAME <>zset >zset
RENAMENX <>zset >zset
RESTORE >string 0 x
RESTORE >string 0 x REPLACE
SORT <list ALPHA
SORT <list ALPHA STORE >list
SORT_RO <list ALPHA
TOUCH =string =string
WATCH =string =string
TYPE =hash
UNLINK >string >string
BITCOUNT <string
BITFIELD <string GET u8 0
BITFIELD <>string GET u8 0 SET u8 0 1
BITFIELD <>string INCRBY u8 0 1
BITFIELD_RO <string GET u8 0
BITOP AND >string <string <string
BITOP NOT >string <string
BITPOS <string 1
GETBIT <string 1
SETBIT <>string 1 1
PFADD >string a b
PFCOUNT <string <string
PFMERGE <>string <string <string
PFMERGE <>string
PFDEBUG GETREG <string
SADD >set a b
SCARD =set
SDIFF <set <set
SDIFFSTORE >set <set <set
SINTER <set <set
SINTERCARD 2 <set <set
SINTERSTORE >set <set <set
SISMEMBER =set a
SMEMBERS <set
SMISMEMBER <set a b
SMOVE <>set >set a
SPOP <>set
SPOP <>set 2
SRANDMEMBER <set
SRANDMEMBER <set -5
SREM >set a
SSCAN <set 0
SUNION <set <set
SUNIONSTORE >set <set <set
HDEL >hash a
HEXISTS =hash a
HEXPIRE >hash 100 FIELDS 1 a
HEXPIREAT >hash 9999999999 FIELDS 1 a
HEXPIRETIME <hash FIELDS 1 a
HGET <hash a
HGETALL <hash
HGETDEL <>hash FIELDS 1 a
HGETEX <>hash FIELDS 1 a
HGETEX <>hash EX 100 FIELDS 1 a
HINCRBY <>hash n 1
HINCRBYFLOAT <>hash n 1.5
HKEYS <hash
HLEN =hash
HMGET <hash a b
HMSET >hash a 1
HPERSIST >hash FIELDS 1 a
HPEXPIRE >hash 100000 FIELDS 1 a
HPEXPIREAT >hash 9999999999999 FIELDS 1 a
HPEXPIRETIME <hash FIELDS 1 a
HPTTL <hash FIELDS 1 a
HRANDFIELD <hash
HRANDFIELD <hash -5 WITHVALUES
HSCAN <hash 0
HSET >hash a 1 b 2
HSETEX >hash EX 100 FIELDS 1 a 1
HSETNX >hash new 1
HSTRLEN =hash a
HTTL <hash FIELDS 1 a
HVALS <hash
BZMPOP 0.01 2 <>zset <>zset MIN
BZPOPMAX <>zset <>zset 0.01
BZPOPMIN <>zset <>zset 0.01
ZADD >zset 1 a 2 b
ZADD >zset INCR 1 a
ZCARD =zset
ZCOUNT <zset -inf +inf
ZDIFF 2 <zset <zset
ZDIFFSTORE >zset 2 <zset <zset
ZINCRBY <>zset 1 a
ZINTER 2 <zset <zset
ZINTERCARD 2 <zset <zset
ZINTERSTORE >zset 2 <zset <zset
ZLEXCOUNT <zset - +
ZMPOP 2 <>zset <>zset MAX
ZMSCORE <zset a b
ZPOPMAX <>zset
ZPOPMIN <>zset 2
ZRANDMEMBER <zset
ZRANDMEMBER <zset -5 WITHSCORES
ZRANGE <zset 0 -1
ZRANGE <zset -inf +inf BYSCORE REV LIMIT 0 5
ZRANGEBYLEX <zset - +
ZRANGEBYSCORE <zset -inf +inf
ZRANGESTORE >zset <zset 0 -1
ZRANK <zset a
ZREM >zset a
ZREMRANGEBYLEX >zset - +
ZREMRANGEBYRANK >zset 0 -1
ZREMRANGEBYSCORE >zset -inf +inf
ZREVRANGE <zset 0 -1
ZREVRANGEBYLEX <zset + -
ZREVRANGEBYSCORE <zset +inf -inf
ZREVRANK <zset a
ZSCAN <zset 0
ZSCORE <zset a
ZUNION 2 <zset <zset
ZUNIONSTORE >zset 2 <zset <zset WEIGHTS 2 3
GEOADD >zset 1 1 a
GEODIST <zset a b
GEOHASH <zset a b
GEOPOS <zset a b
GEORADIUS <zset 1 1 10 km
GEORADIUS <zset 1 1 10 km STORE >zset
GEORADIUS <zset 1 1 10 km STOREDIST >zset
GEORADIUS_RO <zset 1 1 10 km
GEORADIUSBYMEMBER <zset a 10 km
GEORADIUSBYMEMBER <zset a 10 km STORE >zset
GEORADIUSBYMEMBER_RO <zset a 10 km
GEOSEARCH <zset FROMLONLAT 1 1 BYRADIUS 10 km
GEOSEARCHSTORE >zset <zset FROMLONLAT 1 1 BYRADIUS 10 km
BLMOVE <>list >list LEFT RIGHT 0.01
BLMPOP 0.01 2 <>list <>list LEFT
BLPOP <>list <>list 0.01
BRPOP <>list <>list 0.01
BRPOPLPUSH <>list >list 0.01
LINDEX <list 0
LINSERT >list BEFORE a b
LLEN =list
LMOVE <>list >list LEFT RIGHT
LMPOP 2 <>list <>list RIGHT COUNT 2
LPOP <>list
LPOP <>list 2
LPOS <list a
LPUSH >list a b
LPUSHX >list a b
LRANGE <list 0 -1
LREM >list 0 a
LSET >list 0 z
LTRIM >list 0 0
RPOP <>list
RPOPLPUSH <>list >list
RPUSH >list a b
RPUSHX >list a b
XACK >stream group 1-1
XADD >stream * f v
XADD >stream NOMKSTREAM MAXLEN ~ 10 * f v
XAUTOCLAIM >stream group other 0 0
XCLAIM >stream group other 0 1-1
XDEL >stream 1-1
XGROUP CREATE >stream made $ MKSTREAM
XGROUP CREATECONSUMER >stream group made
XGROUP DELCONSUMER >stream group other
XGROUP DESTROY >stream made
XGROUP SETID >stream group 0
XINFO CONSUMERS <stream group
XINFO GROUPS <stream
XINFO STREAM <stream FULL
XLEN =stream
XPENDING <stream group
XRANGE <stream - +
XREAD COUNT 1 STREAMS <stream <stream 0 0
XREADGROUP GROUP group other COUNT 1 STREAMS <stream <stream > >
XREADGROUP GROUP group other BLOCK 10 NOACK STREAMS <stream >
XREVRANGE <stream + -
XSETID >stream 999999999999-0
XTRIM >stream MAXLEN 1
`;

function templateOf(line: string): Template {
  const words = line.split(' ');
  const keys: KeyPlace[] = [];
  for (const [at, word] of words.entries()) {
    const [, mark = '', type = ''] = /^(<>|[<>=])([a-z]+)$/.exec(word) ?? [];
    if (mark === '') continue;
    keys.push({ at, type: type as KeyType, reads: mark.includes('<'), writes: mark.includes('>') });
  }
  return { line, words, keys };
}

export const TEMPLATES: readonly Template[] = LINES.split('\n')
  .filter((line) => line !== '')
  .map(templateOf);

/** The request with a key in each place. */
export function filled({ words, keys }: Template, keyOf: (place: KeyPlace, index: number) => string): string[] {
  const made = [...words];
  for (const [index, place] of keys.entries()) made[place.at] = keyOf(place, index);
  return made;
}
