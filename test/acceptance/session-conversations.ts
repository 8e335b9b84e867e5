/**
 * What sessions say beyond single commands, request by request: transactions, waits, messages, caches and insight, each in
 * its normal, edge and error forms. `reference.test.ts` has them beside redis-server; the keys share a slot, so that a pool
 * answers too.
 */
export const SESSION_CONVERSATIONS: Readonly<Record<string, string>> = {
  transactions: `
    EXEC
    DISCARD
    MULTI x
    EXEC x
    DISCARD x
    UNWATCH x
    WATCH
    MULTI
    MULTI
    WATCH {k}a
    EXEC
    MULTI
    EXEC
    MULTI
    SET {k}a 1
    INCR {k}a
    LPUSH {k}a x
    GET {k}a
    PING
    EXEC
    MULTI
    NOSUCH
    EXEC
    MULTI
    GET
    SET {k}a 5
    EXEC
    GET {k}a
    MULTI
    SET {k}a 6
    DISCARD
    GET {k}a
    MULTI
    UNWATCH
    SELECT 0
    SELECT 99
    ECHO hi
    EXEC
    WATCH {k}a {k}b
    SET {k}b changed
    MULTI
    GET {k}a
    EXEC
    WATCH {k}a
    UNWATCH
    SET {k}a 7
    MULTI
    GET {k}a
    EXEC
    WATCH {k}gone
    DEL {k}gone
    MULTI
    EXEC
    WATCH {k}a
    PEXPIRE {k}a 100000
    MULTI
    EXEC
    MULTI
    BLPOP {k}none 0
    BZPOPMIN {k}none 0
    XREAD BLOCK 0 STREAMS {k}none $
    WAIT 0 0
    EXEC
    MULTI
    RESET
    EXEC`,
  'waits and their refusals': `
    BLPOP
    BLPOP {k}a
    BLPOP {k}a x
    BLPOP {k}a -1
    BLPOP {k}a 1e400
    BLPOP {k}a inf
    BRPOP {k}a nan
    BLPOP {k}a 0.01
    RPUSH {k}l a b c d e f
    BLPOP {k}none {k}l 0
    BRPOP {k}l 0
    BLMOVE {k}l {k}m LEFT RIGHT 0
    BLMOVE {k}l {k}m UP RIGHT 0
    BLMOVE {k}none {k}m LEFT RIGHT 0.01
    BRPOPLPUSH {k}l {k}m 0
    BRPOPLPUSH {k}none {k}m 0.01
    BRPOPLPUSH {k}none {k}m x
    BLMPOP 0 1 {k}l LEFT
    BLMPOP 0 0 {k}l LEFT
    BLMPOP 0 x {k}l LEFT
    BLMPOP 0 2 {k}l LEFT
    BLMPOP 0 1 {k}l LEFT COUNT 0
    BLMPOP 0 1 {k}l LEFT COUNT 1 COUNT 2
    BLMPOP 0.01 1 {k}none RIGHT COUNT 2
    SET {k}s x
    BLPOP {k}s 0
    BLPOP {k}none {k}s 0
    BLMOVE {k}m {k}s LEFT LEFT 0
    BZPOPMIN {k}s 0
    ZADD {k}z 1 a 2 b 3 c 4 d
    BZPOPMIN {k}none {k}z 0
    BZPOPMAX {k}z 0
    BZPOPMAX {k}none 0.01
    BZPOPMIN {k}z x
    BZMPOP 0 1 {k}z MIN
    BZMPOP 0 1 {k}z MID
    BZMPOP 0.01 1 {k}none MAX COUNT 3
    BZMPOP -1 1 {k}none MAX
    XADD {k}x 1-1 f v
    XREAD BLOCK 0 STREAMS {k}x 0
    XREAD BLOCK 10 STREAMS {k}x $
    XREAD BLOCK -1 STREAMS {k}x $
    XREAD BLOCK x STREAMS {k}x $
    XREADGROUP GROUP g c BLOCK 10 STREAMS {k}x >
    XGROUP CREATE {k}x g $
    XREADGROUP GROUP g c BLOCK 10 STREAMS {k}x >
    CLIENT UNBLOCK 999999
    CLIENT UNBLOCK x
    CLIENT UNBLOCK 1 NOSUCH
    CLIENT UNBLOCK`,
  'publishing and subscribing': `
    PUBLISH
    PUBLISH a
    PUBLISH a b
    PUBLISH a b c
    SPUBLISH a b
    SPUBLISH a
    PUBSUB
    PUBSUB NOSUCH
    PUBSUB CHANNELS
    PUBSUB CHANNELS a b
    PUBSUB NUMSUB
    PUBSUB NUMSUB a b
    PUBSUB NUMPAT
    PUBSUB NUMPAT x
    PUBSUB SHARDCHANNELS
    PUBSUB SHARDNUMSUB a
    SUBSCRIBE
    UNSUBSCRIBE
    UNSUBSCRIBE a
    PUNSUBSCRIBE
    SUNSUBSCRIBE
    SUBSCRIBE a
    SUBSCRIBE a
    PSUBSCRIBE a*
    SSUBSCRIBE s
    GET a
    PUBLISH a x
    MULTI
    PING
    PING hello
    PUNSUBSCRIBE nosuch
    PUNSUBSCRIBE a*
    SUNSUBSCRIBE
    UNSUBSCRIBE
    PING
    SUBSCRIBE b
    RESET
    GET {k}none
    ---
    HELLO 3
    SUBSCRIBE a
    PSUBSCRIBE ?
    PUBLISH a mine
    PING
    PING
    PING
    SSUBSCRIBE s
    SPUBLISH s mine
    PING
    PUBSUB CHANNELS
    PUBSUB NUMPAT
    UNSUBSCRIBE
    MULTI
    SUBSCRIBE c
    PUBLISH c inside
    EXEC
    PING
    PING`,
  'caches of clients': `
    CLIENT TRACKING
    CLIENT TRACKING NO
    CLIENT TRACKING ON NOSUCH
    CLIENT TRACKING ON OPTIN OPTOUT
    CLIENT TRACKING ON BCAST OPTIN
    CLIENT TRACKING ON PREFIX a
    CLIENT TRACKING ON REDIRECT 999999
    CLIENT TRACKING ON REDIRECT x
    CLIENT CACHING YES
    CLIENT CACHING
    CLIENT CACHING MAYBE
    CLIENT GETREDIR
    CLIENT TRACKINGINFO
    CLIENT TRACKINGINFO x
    CLIENT TRACKING ON BCAST PREFIX a PREFIX ab
    CLIENT TRACKING ON BCAST PREFIX a PREFIX b
    CLIENT TRACKING ON BCAST PREFIX abc
    CLIENT TRACKING ON
    CLIENT TRACKINGINFO
    CLIENT TRACKING OFF
    CLIENT TRACKING ON OPTIN
    CLIENT CACHING NO
    CLIENT CACHING YES
    CLIENT TRACKINGINFO
    CLIENT TRACKING ON OPTOUT
    CLIENT TRACKING OFF
    CLIENT TRACKING OFF
    ---
    HELLO 3
    CLIENT TRACKING ON
    SET {k}c 1
    GET {k}c
    SET {k}c 2
    PING
    GET {k}c
    CLIENT TRACKINGINFO
    MULTI
    INCR {k}c
    GET {k}c
    EXEC
    PING
    CLIENT TRACKING OFF
    CLIENT TRACKING ON NOLOOP
    GET {k}c
    SET {k}c 3
    PING
    CLIENT TRACKING OFF
    CLIENT TRACKING ON BCAST PREFIX {k}
    CLIENT TRACKINGINFO
    CLIENT GETREDIR`,
  'insight and its refusals': `
    SLOWLOG
    SLOWLOG NOSUCH
    SLOWLOG GET x
    SLOWLOG GET -2
    SLOWLOG GET 1 2
    SLOWLOG GET 0
    SLOWLOG RESET
    SLOWLOG RESET x
    SLOWLOG LEN x
    SLOWLOG HELP
    LATENCY
    LATENCY NOSUCH
    LATENCY HISTORY
    LATENCY HISTORY nosuch
    LATENCY RESET nosuch
    LATENCY RESET
    LATENCY LATEST
    LATENCY LATEST x
    LATENCY GRAPH nosuch
    LATENCY HISTOGRAM nosuch
    LATENCY HELP
    MEMORY
    MEMORY NOSUCH
    MEMORY USAGE
    MEMORY USAGE {k}none
    MEMORY USAGE {k}none SAMPLES
    MEMORY USAGE {k}none SAMPLES x
    MEMORY USAGE {k}none SAMPLES -1
    MEMORY PURGE x
    ROLE
    ROLE x
    MODULE LIST
    MODULE NOSUCH
    CLUSTER
    CLUSTER INFO
    CLUSTER NODES
    CLUSTER KEYSLOT a
    READONLY
    ASKING
    CONFIG RESETSTAT
    CONFIG SET notify-keyspace-events KEA
    CONFIG GET notify-keyspace-events
    CONFIG SET notify-keyspace-events !
    CONFIG SET notify-keyspace-events
    CONFIG SET notify-keyspace-events KEA notify-keyspace-events E
    CONFIG GET slowlog-max-*
    CONFIG GET latency-tracking
    CONFIG SET slowlog-max-len x
    CONFIG SET slowlog-log-slower-than x
    CONFIG SET latency-monitor-threshold -1
    CONFIG SET latency-tracking maybe
    WAIT 0
    WAITAOF`,
};
