/**
 * Requests for every command there is, made from what the command table says of its arguments: each key position in turn
 * gets somebody else's key, the options come in every order and number, and now and then a word too many. Nobody chose
 * them, so they also try what nobody thought of.
 */
import { tableAlone } from '../../../src/app/table.ts';
import type { Prng } from '../../../src/base/prng.ts';
import type { ArgDoc } from '../../../src/command/args.ts';
import type { Command } from '../../../src/command/command.ts';

/** Would end or silence the connection or the process, change who asks, or hold everybody for as long as it likes. */
const NOT_WALKED = /^(?:quit|reset|shutdown|monitor|auth|hello|failover|sync|psync|client\|(?:reply|pause|kill))$/;
const TYPES = ['string', 'list', 'set', 'hash', 'zset', 'stream'];
/** Which type the keys of a group mostly have. */
const HOME: Readonly<Record<string, string>> = {
  string: 'string',
  list: 'list',
  set: 'set',
  hash: 'hash',
  'sorted-set': 'zset',
  geo: 'zset',
  stream: 'stream',
  bitmap: 'string',
  hyperloglog: 'string',
};
const WORDS = [
  'a',
  'b',
  'n',
  '0',
  '1',
  '-1',
  '10',
  '1-1',
  'group',
  'other',
  '$',
  '*',
  'LEFT',
  'MIN',
  'km',
  'string',
  '',
  '\0',
];
const NUMBERS = ['0', '1', '2', '-1', '5', '100', 'x'];

/** What the actor may reach, what it may not, and the words that both have. */
export interface Names {
  readonly own: string;
  readonly foreign: string;
  readonly patterns: readonly string[];
  readonly channels: readonly string[];
}

type Piece = string | { readonly keyType: string };

export class Walk {
  /** Names of the commands walked. */
  readonly commands: readonly string[];
  private readonly walked: readonly Command[];
  private readonly prng: Prng;
  private readonly names: Names;
  private index: number;

  constructor(prng: Prng, names: Names, skipped: (name: string) => boolean = () => false) {
    this.prng = prng;
    this.names = names;
    this.index = 0;
    this.walked = tableAlone().all.filter(
      ({ kind, fullName }) => kind !== 'container' && !NOT_WALKED.test(fullName) && !skipped(fullName),
    );
    this.commands = this.walked.map(({ fullName }) => fullName);
  }

  /** One command after the other, each time with another of its key positions foreign. */
  next(): string[] {
    const command = this.walked[this.index % this.walked.length] as Command;
    const round = Math.floor(this.index / this.walked.length);
    this.index++;
    const pieces = this.pieces(command);
    const positions = pieces.filter((piece) => typeof piece !== 'string').length;
    const chosen = round % (positions + 1);
    let position = 0;
    const words = pieces.map((piece) => {
      if (typeof piece === 'string') return piece;
      // The last round of each circle has all of them foreign.
      const isForeign = position++ === chosen || chosen === positions;
      return (isForeign ? this.names.foreign : this.names.own) + piece.keyType;
    });
    return this.spoiled([...command.fullName.toUpperCase().split('|'), ...words]);
  }

  private pieces({ docs, group, isBlocking }: Command): Piece[] {
    const options = docs.filter(({ flags }) => flags.includes('optional'));
    const shuffled = this.chance(0.5) ? options : this.shuffled(options);
    const home = HOME[group];
    let option = 0;
    return docs.flatMap((doc) => {
      if (!doc.flags.includes('optional')) return this.documented(doc, home, isBlocking);
      const chosen = shuffled[option++] as ArgDoc;
      return this.chance(0.5) ? this.documented(chosen, home, isBlocking) : [];
    });
  }

  private documented(doc: ArgDoc, home: string | undefined, isBlocking: boolean): Piece[] {
    const token = doc.token === undefined ? [] : [doc.token];
    const once = (): Piece[] => {
      const inner = doc.arguments ?? [];
      if (doc.type === 'oneof') return inner.length === 0 ? [] : this.documented(this.one(inner), home, isBlocking);
      if (doc.type === 'block') {
        const kept = inner.filter(({ flags }) => !flags.includes('optional') || this.chance(0.5));
        return kept.flatMap((each) => this.documented(each, home, isBlocking));
      }
      return doc.type === 'pure-token' ? [] : [this.value(doc, home, isBlocking)];
    };
    if (!doc.flags.includes('multiple')) return [...token, ...once()];
    // Two of each, which is what every count in front of them says.
    return doc.flags.includes('multiple-token')
      ? [...token, ...once(), ...token, ...once()]
      : [...token, ...once(), ...once()];
  }

  private value({ name, type }: ArgDoc, home: string | undefined, isBlocking: boolean): Piece {
    if (type === 'key') return { keyType: home === undefined || this.chance(0.1) ? this.one(TYPES) : home };
    if (/channel/i.test(name)) return this.one(this.names.channels);
    if (type === 'pattern') return this.one([...this.names.patterns, ...this.names.channels]);
    if (/^num/.test(name)) return this.chance(0.9) ? '2' : this.one(NUMBERS);
    if (isBlocking && /timeout|seconds/i.test(name)) return name === 'milliseconds' ? '1' : '0.001';
    if (name === 'timeout') return '1';
    if (/^(?:index|db|.*-db)$/.test(name)) return this.one(['0', '1', '15', '0']);
    if (type === 'unix-time') return '99999999999';
    if (type === 'integer' || type === 'double') return this.one(NUMBERS);
    return this.chance(0.15) ? this.names.foreign + this.one(TYPES) : this.one(WORDS);
  }

  private spoiled(words: string[]): string[] {
    if (!this.chance(0.1)) return words;
    const junk = this.chance(0.5) ? this.names.foreign + this.one(TYPES) : this.one([...this.names.patterns, ...WORDS]);
    const at = 1 + this.prng.below(words.length);
    // A timeout too many would be one that never ends.
    if (/^(?:B|XREAD|WAIT)/.test(words[0] ?? '')) return words;
    return [...words.slice(0, at), junk, ...words.slice(at + this.prng.below(2))];
  }

  private shuffled<Item>(items: readonly Item[]): Item[] {
    const made = [...items];
    for (let i = made.length - 1; i > 0; i--) {
      const j = this.prng.below(i + 1);
      [made[i], made[j]] = [made[j] as Item, made[i] as Item];
    }
    return made;
  }

  private chance(probability: number): boolean {
    return this.prng.unit() < probability;
  }

  private one<Item>(items: readonly Item[]): Item {
    return items[this.prng.below(items.length)] as Item;
  }
}
