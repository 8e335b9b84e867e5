/** Pub/sub as a scenario of several connections: everything it has, drawn at random, RESP2 and RESP3 beside each other. */
import type { Prng } from '../../src/base/prng.ts';
import type { Words } from '../support/words.ts';
import { one, some } from './draw.ts';
import type { Marker, Scenario, Step } from './sessions.ts';

const PARTIES = 5;
const NAMES = ['a', 'b', 'ab', 'abc', 'news.x', '', '*', '\0\r\n\xff', '__proto__'] as const;
const PATTERNS = ['*', 'a*', '?', '[ab]', 'a', 'news.*', '[^a]*', '\\*', '*b*', 'a\\', ''] as const;
const USERS = ['u1', 'u2'] as const;
const RULES = [
  'allchannels',
  'resetchannels &a* &b',
  'resetchannels &*b &news.*',
  'resetchannels (&a +@all) (&? &[ab] +@all)',
  'resetchannels',
] as const;

type Draw = (prng: Prng) => Words;

function cased(prng: Prng, word: string): string {
  return prng.below(3) === 0 ? word.toLowerCase() : word;
}

/** With weights: subscribing and publishing make up most of it. */
const DRAWS: readonly (readonly [weight: number, draw: Draw])[] = [
  [12, (prng) => [cased(prng, 'SUBSCRIBE'), ...some(prng, NAMES)]],
  [8, (prng) => [cased(prng, 'PSUBSCRIBE'), ...some(prng, PATTERNS)]],
  [5, (prng) => ['SSUBSCRIBE', ...some(prng, NAMES)]],
  [6, (prng) => ['UNSUBSCRIBE', ...some(prng, NAMES, 0)]],
  [5, (prng) => ['PUNSUBSCRIBE', ...some(prng, PATTERNS, 0)]],
  [4, (prng) => ['SUNSUBSCRIBE', ...some(prng, NAMES, 0)]],
  [30, (prng) => ['PUBLISH', one(prng, NAMES), one(prng, ['', 'm', 'x'.repeat(70), '\r\n$-1\r\n'])]],
  [8, (prng) => ['SPUBLISH', one(prng, NAMES), 'shard']],
  [5, (prng) => ['PING', ...some(prng, ['p', ''], 0).slice(0, 1)]],
  [2, () => ['PING', 'a', 'b']],
  [3, () => ['GET', 'nothing']],
  [2, (prng) => ['ECHO', one(prng, NAMES)]],
  [4, () => ['HELLO', '3']],
  [3, () => ['HELLO', '2']],
  [1, () => ['HELLO', '4']],
  [4, () => ['RESET']],
  [3, (prng) => ['CLIENT', 'REPLY', one(prng, ['OFF', 'SKIP', 'ON', 'ON', 'ON'])]],
  [3, () => ['CLIENT', 'INFO']],
  [3, (prng) => ['PUBSUB', 'CHANNELS', ...some(prng, PATTERNS, 0).slice(0, 2)]],
  [2, (prng) => ['PUBSUB', 'NUMSUB', ...some(prng, NAMES, 0)]],
  [2, () => ['PUBSUB', 'NUMPAT']],
  [2, (prng) => ['PUBSUB', 'SHARDCHANNELS', ...some(prng, PATTERNS, 0).slice(0, 1)]],
  [2, (prng) => ['PUBSUB', 'SHARDNUMSUB', ...some(prng, NAMES, 0)]],
  [1, () => ['PUBSUB', 'NUMPAT', 'x']],
  [1, () => ['PUBSUB', 'NOSUCH']],
  [1, () => ['PUBSUB', 'HELP']],
  [1, () => ['PUBSUB']],
  [1, () => ['SUBSCRIBE']],
  [1, () => ['PUBLISH', 'a']],
  [1, () => ['NOSUCH', 'x']],
  [2, () => ['QUIT']],
  [4, (prng) => ['AUTH', one(prng, USERS), 'pw']],
  [2, (prng) => ['ACL', 'SETUSER', one(prng, USERS), ...one(prng, RULES).split(/ (?![^(]*\))/)]],
  [1, (prng) => ['ACL', 'DRYRUN', one(prng, USERS), 'SUBSCRIBE', ...some(prng, NAMES.slice(0, 4))]],
  [1, (prng) => ['ACL', 'DRYRUN', one(prng, USERS), 'PSUBSCRIBE', one(prng, PATTERNS.slice(0, 6))]],
  [1, () => ['COMMAND', 'GETKEYS', 'SPUBLISH', 'a', 'b']],
];

const TOTAL = DRAWS.reduce((sum, [weight]) => sum + weight, 0);

function command(prng: Prng): Words {
  let left = prng.below(TOTAL);
  for (const [weight, draw] of DRAWS) {
    if (left < weight) return draw(prng);
    left -= weight;
  }
  return ['PING'];
}

const FIELDS = ['flags', 'sub', 'psub', 'ssub', 'resp', 'user', 'cmd'];

/** Messages by patterns, and names after UNSUBSCRIBE of all, come in the order of a hash table that is another in each process. */
function kindOf(reply: string): string {
  const word = /^[*>]4\r\n\$8\r\n(pmessage)\r\n/.exec(reply)?.[1];
  if (word !== undefined) return word;
  return /^[*>]3\r\n\$1[12]\r\n([ps]?unsubscribe)\r\n/.exec(reply)?.[1] ?? '';
}

function sorted(run: readonly string[], kind: string): readonly string[] {
  if (kind === 'pmessage') return run.toSorted();
  // The counts go down one by one in any case: they are compared in their order, and the names in theirs.
  const counts = run.map((reply) => /:(\d+)\r\n$/.exec(reply)?.[1] ?? '');
  const names = run.map((reply) => reply.replace(/:\d+\r\n$/, '')).toSorted();
  return names.map((name, i) => `${name}:${counts[i]}\r\n`);
}

export class PubSubScenario implements Scenario {
  readonly parties = PARTIES;
  readonly comesLate = false;
  private readonly prng: Prng;
  /** Connections that may show no replies. */
  private readonly silent = new Set<number>();

  constructor(prng: Prng) {
    this.prng = prng;
  }

  greeting(party: number): readonly Words[] {
    // The first one stays what it is, so that users can be made again; the script changes the others as it likes.
    const users: Words[] = USERS.map((user) => ['ACL', 'SETUSER', user, 'on', '>pw', 'allkeys', '+@all']);
    return party === 0 ? users : [['HELLO', party % 2 === 0 ? '2' : '3']];
  }

  next(): Step {
    const { prng } = this;
    const party = prng.below(PARTIES);
    const count = prng.below(3) === 0 ? 1 + prng.below(5) : 1;
    return { party, commands: Array.from({ length: count }, () => this.sayable(party, command(prng))) };
  }

  /** redis-server ends a connection behind the reply to QUIT, and so never where replies are not shown. */
  private sayable(party: number, words: Words): Words {
    const [name, change, mode] = words;
    // Nor does it answer a user who takes away its own channels; so it is the first connection that changes users, and stays itself.
    if ((change === 'SETUSER' && party !== 0) || (name === 'AUTH' && party === 0)) return ['PING'];
    if (mode === 'OFF' || mode === 'SKIP') this.silent.add(party);
    const said = name === 'QUIT' && this.silent.has(party) ? ['RESET'] : words;
    if (said[0] === 'RESET') this.silent.delete(party);
    return said;
  }

  /** Confirmed in every state, even where replies are not shown. */
  marker(tag: string): Marker {
    return { words: ['UNSUBSCRIBE', tag], end: new RegExp(`\\r\\n${tag}\\r\\n:\\d+\\r\\n`) };
  }

  mayWait(): boolean {
    return false;
  }

  waits(): void {}

  closed(party: number): void {
    this.silent.delete(party);
  }

  normal(reply: string, { commands }: Step): string {
    if (/^[*%]\d+\r\n\$6\r\nserver\r\n/.test(reply)) {
      return reply.replace(/\$\d+\r\n7\.\d+\.\d+\r\n/, 'version\r\n').replace(/(\r\n\$2\r\nid\r\n):\d+/, '$1');
    }
    if (/^(?:\$|=)\d+\r\n(?:txt:)?id=/.test(reply)) {
      return FIELDS.map((field) => new RegExp(` ${field}=\\S*`).exec(reply)?.[0] ?? '').join('');
    }
    const isListing = commands.some(([name = '', sub = '']) => /^pubsub$/i.test(name) && /CHANNELS$/i.test(sub));
    return isListing && /^\*\d+\r\n/.test(reply) && kindOf(reply) === '' ? listed(reply) : reply;
  }

  ordered(replies: readonly string[]): readonly string[] {
    const result: string[] = [];
    for (let at = 0; at < replies.length; ) {
      const kind = kindOf(replies[at] ?? '');
      let end = at + 1;
      while (kind !== '' && kindOf(replies[end] ?? '') === kind) end++;
      result.push(...(kind === '' ? replies.slice(at, end) : sorted(replies.slice(at, end), kind)));
      at = end;
    }
    return result;
  }
}

/** An array of names, in their own order. */
function listed(reply: string): string {
  const [head = ''] = reply.split('\r\n', 1);
  const items: string[] = [];
  for (let at = head.length + 2; at < reply.length; ) {
    const lineEnd = reply.indexOf('\r\n', at);
    const next = lineEnd + 2 + Number(reply.slice(at + 1, lineEnd)) + 2;
    if (reply[at] !== '$' || Number.isNaN(next) || next > reply.length) return reply;
    items.push(reply.slice(at, next));
    at = next;
  }
  return `${head}\r\n${items.toSorted().join('')}`;
}
