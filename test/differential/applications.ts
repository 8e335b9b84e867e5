/**
 * What applications do with several connections, as a scenario: transactions with watched keys, commands that wait, and
 * caches at the client, all over the same few keys, RESP2 and RESP3 beside each other. All keys share a slot, so a pool of
 * shards must answer the same.
 */
import type { Prng } from '../../src/base/prng.ts';
import type { Words } from '../support/words.ts';
import { one, some } from './draw.ts';
import type { Marker, Scenario, Step } from './sessions.ts';

const PARTIES = 6;
const KEYS = ['{k}a', '{k}b', '{k}c', '{k}d'] as const;
const LISTS = ['{k}l1', '{k}l2', '{k}l3'] as const;
const ZSETS = ['{k}z1', '{k}z2'] as const;
const STREAMS = ['{k}s1', '{k}s2'] as const;
const SORTED = '{k}sorted';
const ANY = [...KEYS, ...LISTS, ...ZSETS, ...STREAMS] as const;

type Draw = (prng: Prng) => Words;
type Weighted = readonly (readonly [weight: number, draw: Draw])[];

const ends = (prng: Prng) => one(prng, ['LEFT', 'RIGHT']);
/** Most wait until something comes; some for so short that nothing can. */
const timeout = (prng: Prng) => one(prng, ['0', '0', '0', '0.001']);

/** Changes that others hear of. */
const WRITES: Weighted = [
  [6, (prng) => ['SET', one(prng, KEYS), `${prng.below(3)}`]],
  [2, (prng) => ['INCR', one(prng, KEYS)]],
  [1, (prng) => ['APPEND', one(prng, KEYS), 'x']],
  [5, (prng) => ['DEL', ...some(prng, ANY)]],
  [8, (prng) => [one(prng, ['LPUSH', 'RPUSH']), one(prng, LISTS), ...some(prng, ['1', '2', '3'])]],
  [3, (prng) => [one(prng, ['LPOP', 'RPOP']), one(prng, LISTS)]],
  [2, (prng) => ['LMOVE', one(prng, LISTS), one(prng, LISTS), ends(prng), ends(prng)]],
  [5, (prng) => ['ZADD', one(prng, ZSETS), '1', 'a', '2', `m${prng.below(3)}`]],
  [2, (prng) => ['ZREM', one(prng, ZSETS), 'a']],
  [6, (prng) => ['XADD', one(prng, STREAMS), `${prng.below(9)}-*`, 'f', 'v']],
  [3, (prng) => ['XADD', one(prng, STREAMS), `${100 + prng.below(1_000_000)}-1`, 'f', 'v']],
  [
    2,
    (prng) => [
      'XGROUP',
      'CREATE',
      one(prng, STREAMS),
      'g',
      one(prng, ['$', '0']),
      ...some(prng, ['MKSTREAM'], 0).slice(0, 1),
    ],
  ],
  [1, (prng) => ['XGROUP', 'DESTROY', one(prng, STREAMS), 'g']],
  [1, (prng) => ['XGROUP', 'CREATECONSUMER', one(prng, STREAMS), 'g', 'c']],
  [1, (prng) => ['XTRIM', one(prng, STREAMS), 'MAXLEN', '2']],
  [2, (prng) => ['RENAME', one(prng, ANY), one(prng, ANY)]],
  [1, (prng) => ['COPY', one(prng, ANY), one(prng, ANY), 'REPLACE']],
  // Into a key that is never anything else: redis-server 7.0 does not wake who waits for a key that SORT overwrites.
  [2, (prng) => ['SORT', one(prng, LISTS), 'ALPHA', 'STORE', SORTED]],
  [2, () => ['DEL', SORTED]],
  [1, (prng) => ['EXPIRE', one(prng, ANY), one(prng, ['100', '-1'])]],
  [1, (prng) => ['PERSIST', one(prng, ANY)]],
  [1, () => ['FLUSHDB']],
];

const READS: Weighted = [
  [8, (prng) => ['GET', one(prng, KEYS)]],
  [2, (prng) => ['MGET', ...some(prng, KEYS)]],
  [3, (prng) => ['LRANGE', one(prng, LISTS), '0', '-1']],
  [2, (prng) => ['ZRANGE', one(prng, ZSETS), '0', '-1', 'WITHSCORES']],
  [2, (prng) => ['XLEN', one(prng, STREAMS)]],
  [2, (prng) => ['EXISTS', ...some(prng, ANY)]],
  [1, (prng) => ['TYPE', one(prng, ANY)]],
];

const WAITS: Weighted = [
  [6, (prng) => [one(prng, ['BLPOP', 'BRPOP']), ...some(prng, [...LISTS, SORTED]), timeout(prng)]],
  [3, (prng) => ['BLMOVE', one(prng, LISTS), one(prng, LISTS), ends(prng), ends(prng), timeout(prng)]],
  [1, (prng) => ['BRPOPLPUSH', one(prng, LISTS), one(prng, [...LISTS, '{k}d']), timeout(prng)]],
  [3, (prng) => ['BLMPOP', timeout(prng), '2', one(prng, LISTS), one(prng, LISTS), ends(prng), 'COUNT', '2']],
  [4, (prng) => [one(prng, ['BZPOPMIN', 'BZPOPMAX']), ...some(prng, ZSETS), timeout(prng)]],
  [2, (prng) => ['BZMPOP', timeout(prng), '1', one(prng, ZSETS), one(prng, ['MIN', 'MAX'])]],
  [
    4,
    (prng) => ['XREAD', 'BLOCK', one(prng, ['0', '0', '1']), 'STREAMS', ...STREAMS, one(prng, ['$', '0', '50']), '$'],
  ],
  [4, (prng) => ['XREADGROUP', 'GROUP', 'g', `c${prng.below(2)}`, 'BLOCK', '0', 'STREAMS', one(prng, STREAMS), '>']],
  [1, (prng) => ['BLPOP', one(prng, LISTS), one(prng, ['-1', 'x'])]],
];

const TRANSACTIONS: Weighted = [
  [8, () => ['MULTI']],
  [10, () => ['EXEC']],
  [2, () => ['DISCARD']],
  [7, (prng) => ['WATCH', ...some(prng, ANY)]],
  [2, () => ['UNWATCH']],
  [1, () => ['NOSUCH']],
  [1, () => ['GET']],
];

const TRACKING: Weighted = [
  [5, () => ['CLIENT', 'TRACKING', 'ON']],
  [2, () => ['CLIENT', 'TRACKING', 'ON', 'NOLOOP']],
  [2, () => ['CLIENT', 'TRACKING', 'ON', 'OPTIN']],
  [2, () => ['CLIENT', 'TRACKING', 'ON', 'OPTOUT']],
  [2, () => ['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', '{k}l']],
  // Without NOLOOP: whoever wrote a key first is spared there even when others write it next, and not here.
  [1, () => ['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', '{k}b', 'PREFIX', '{k}a']],
  [1, () => ['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', '{k}', 'PREFIX', '{k}a']],
  [1, () => ['CLIENT', 'TRACKING', 'ON', 'OPTIN', 'OPTOUT']],
  [4, () => ['CLIENT', 'TRACKING', 'OFF']],
  [3, (prng) => ['CLIENT', 'CACHING', one(prng, ['YES', 'NO'])]],
  [2, () => ['CLIENT', 'TRACKINGINFO']],
  [1, () => ['CLIENT', 'GETREDIR']],
];

const SESSION: Weighted = [
  [3, () => ['PING']],
  [1, () => ['RESET']],
  [1, () => ['HELLO', '2']],
  [2, () => ['HELLO', '3']],
  [1, (prng) => ['SELECT', one(prng, ['0', '0', '1'])]],
  [1, () => ['WAIT', '0', '0']],
];

const FAMILIES: readonly (readonly [weight: number, family: Weighted])[] = [
  [34, WRITES],
  [18, READS],
  [12, WAITS],
  [22, TRANSACTIONS],
  [10, TRACKING],
  [4, SESSION],
];

function weighted<Item>(prng: Prng, rows: readonly (readonly [weight: number, item: Item])[]): Item {
  let left = prng.below(rows.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, item] of rows) {
    if (left < weight) return item;
    left -= weight;
  }
  throw new Error('nothing to draw from');
}

const TAKES_AWAY: ReadonlySet<string> = new Set(['DEL', 'RENAME', 'COPY', 'EXPIRE']);
const STREAM_NAMES: ReadonlySet<string> = new Set(STREAMS);
/** Reads of what somebody may wait for. */
const READS_OF_ANY: ReadonlySet<string> = new Set(['LRANGE', 'ZRANGE', 'XLEN', 'EXISTS', 'TYPE']);
/** What may wait is the last that a step says. */
const BLOCKS = /^(?:B[LRZ]|XREAD)/;

/** What a pool of shards refuses within a transaction, what marks the end of a step there, and CLIENT TRACKING: see below. */
const OUTSIDE: ReadonlySet<string> = new Set(['HELLO', 'FLUSHDB', 'WATCH', 'CLIENT']);

function isInvalidation(reply: string | undefined): boolean {
  return reply?.startsWith('>2\r\n$10\r\ninvalidate\r\n') === true;
}

function sortedKeys(reply: string): string {
  const [head = '', ...keys] = reply.split(/(?=\$\d+\r\n\{k\})/);
  return head + keys.toSorted().join('');
}

export class ApplicationsScenario implements Scenario {
  readonly parties = PARTIES;
  /** Whoever hears of keys by prefix hears of them at the end of a turn. */
  readonly comesLate = true;
  private readonly prng: Prng;
  /** Those who have said MULTI, as far as was sent. */
  private readonly inMulti = new Set<number>();
  /** Those who wait say nothing: when what they have sent behind it would run, nobody promises. */
  private readonly waiting = new Set<number>();
  /** Those whose wait ends by itself. */
  private readonly timed = new Set<number>();

  /** Whether keys lie in other threads: invalidations come in their own time there, and are tested for what they promise. */
  private readonly isPool: boolean;

  constructor(prng: Prng, isPool: boolean) {
    this.isPool = isPool;
    this.prng = prng;
  }

  greeting(party: number): readonly Words[] {
    return [
      ['HELLO', party % 2 === 0 ? '2' : '3'],
      ['CLIENT', 'SETNAME', `party${party}`],
    ];
  }

  next(): Step {
    const { prng } = this;
    const chosen = prng.below(PARTIES);
    if (prng.below(60) === 0 || this.waiting.size === PARTIES) return { party: chosen, commands: [], drops: true };
    const free = Array.from({ length: PARTIES }, (_, party) => party).filter((party) => !this.waiting.has(party));
    const party = this.waiting.has(chosen) ? one(prng, free) : chosen;
    const commands: Words[] = [];
    for (let left = prng.below(3) === 0 ? 1 + prng.below(5) : 1; left > 0; left--) {
      const words = this.command(party);
      commands.push(...words);
      if (BLOCKS.test(words[0]?.[0] ?? '')) break;
    }
    const last = commands.at(-1) ?? [];
    if (last.includes('0.001') || (last[0] === 'XREAD' && last[2] === '1')) this.timed.add(party);
    else this.timed.delete(party);
    return { party, commands };
  }

  private command(party: number): readonly Words[] {
    const words = weighted(this.prng, weighted(this.prng, FAMILIES))(this.prng);
    const [name = ''] = words;
    if (this.isPool && name === 'CLIENT') return [['PING']];
    if (this.inMulti.has(party) && OUTSIDE.has(name)) return [['PING']];
    // Which of the keys that somebody waits for comes first, when EXEC takes one away and makes it again, is chance.
    if (this.inMulti.has(party) && TAKES_AWAY.has(name) && words.some((word) => STREAM_NAMES.has(word)))
      return [['PING']];
    // What EXEC makes ready and others take then is no change there, so who has read it within EXEC is left with it.
    if (this.inMulti.has(party) && READS_OF_ANY.has(name)) return [['GET', one(this.prng, KEYS)]];
    if (name === 'MULTI') this.inMulti.add(party);
    else if (name === 'EXEC' || name === 'DISCARD' || name === 'RESET') this.inMulti.delete(party);
    // Its name is how the runner finds it.
    return name === 'RESET' ? [words, ...this.greeting(party)] : [words];
  }

  /** What is queued is answered by EXEC; an error that leaves the transaction as it is, is answered at once. */
  marker(tag: string, party: number): Marker {
    if (this.inMulti.has(party)) return { words: ['WATCH', '{k}a'], end: /-ERR WATCH inside MULTI is not allowed\r\n/ };
    return { words: ['ECHO', tag], end: new RegExp(`\\$\\d+\\r\\n${tag}\\r\\n`) };
  }

  waits(party: number, isWaiting: boolean): void {
    if (isWaiting) this.waiting.add(party);
    else this.waiting.delete(party);
  }

  mayWait(party: number): boolean {
    return !this.timed.has(party);
  }

  closed(party: number): void {
    this.inMulti.delete(party);
    this.waiting.delete(party);
    this.timed.delete(party);
  }

  normal(reply: string): string {
    if (/^[*%]\d+\r\n\$6\r\nserver\r\n/.test(reply)) {
      return reply.replace(/\$\d+\r\n7\.\d+\.\d+\r\n/, 'version\r\n').replace(/(\r\n\$2\r\nid\r\n):\d+/, '$1');
    }
    return reply;
  }

  /** Keys that are told by prefix come in the order of a radix tree there, and a flush once for each shard here. */
  ordered(replies: readonly string[]): readonly string[] {
    const result: string[] = [];
    for (let at = 0; at < replies.length; ) {
      let end = at;
      while (isInvalidation(replies[end])) end++;
      if (end === at) result.push(replies[at++] ?? '');
      else result.push(...new Set(replies.slice(at, end).map(sortedKeys).toSorted()));
      at = Math.max(at, end);
    }
    return result;
  }
}
