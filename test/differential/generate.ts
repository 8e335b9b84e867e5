/**
 * Commands made from their declarations: every argument shape gives words for itself, so no option can be forgotten.
 * Values lean towards edges; a few commands are spoiled on purpose.
 */
import type { Prng } from '../../src/base/prng.ts';
import type { ArgDoc, Shape } from '../../src/command/args.ts';
import type { Declaration, Group } from '../../src/command/spec.ts';
import { element, type Flavour, HOMES, homeOf, howMany } from './homes.ts';
import { restoreWord } from './payloads.ts';
import { Slots } from './slots.ts';
import { flattened, sortedWord } from './sorted.ts';
import { isSort, SORTABLE, sortPattern, unambiguous } from './sorting.ts';
import { StreamWords } from './streams.ts';

export const KEYS: readonly string[] = Object.values(HOMES).flat();
/** What a spoiled command may have too much of; as it may land where a key belongs, these are keys as well. */
export const JUNK: readonly string[] = ['', 'BOGUS', 'nx', 'EX', 'get', '0', '-1', '\0', ...KEYS];
/** Databases that the generated commands select. */
export const DATABASES = 3;

const INTEGERS = [
  ...['0', '1', '-1', '2', '5', '10', '-10', '100', '9999', '10000', '2147483647', '2147483648', '-2147483648'],
  ...['-2147483649', '4294967296', '9007199254740991', '9007199254740992', '9007199254740993', '-9007199254740993'],
  ...['9223372036854775807', '9223372036854775806', '-9223372036854775808', '-9223372036854775807'],
];
const NO_INTEGERS = [
  ...['9223372036854775808', '-9223372036854775809', '18446744073709551616', '', ' 1', '1 ', '+1', '01', '-0', '1.0'],
  ...['1e3', '0x10', 'abc', 'nan', '\x001', '--1', '99999999999999999999999'],
];
const FLOATS = [
  ...['0', '0.1', '0.2', '-0.1', '1.5', '3.0e3', '5.0e3', '-5.0e3', '1e-17', '1e-18', '-1e-30', '1e17', '1e18', '1e30'],
  ...['123456789.123456789', '0.30000000000000004', '3.14159265358979', '.5', '5.', '-0', '1e400', '1e-4000', '0x1p-3'],
];
const NO_FLOATS = [
  'inf',
  '-inf',
  '+inf',
  'nan',
  'infinity',
  '',
  ' 1',
  '1 ',
  '1e',
  'e1',
  '1e5000',
  '1e-5000',
  'abc',
  '1_0',
];
const STRINGS = [
  ...[
    '',
    'x',
    'hello world',
    'v'.repeat(44),
    'v'.repeat(45),
    'w'.repeat(200),
    '\0\x01\xff\r\n',
    'ohmytext',
    'mynewtext',
  ],
  ...['-', '12a', '00', 'abcabcabc', 'bcabcd', '{}', '\xe2\x82\xac'],
];
const PATTERNS = [
  ...['*', 'a*', '*1', 'key:?', '{t}*', '[a-k]*', '[^a]*', '\\*', 'a\\*', '', '?', '*[*', '[', '__proto__', '*\xff*'],
  ...['\\[a\\]', '[z-a]', '**', '*e*:*'],
];
const TYPES = ['string', 'STRING', 'list', 'hash', 'zset', 'set', 'stream', 'nosuch', ''];
/** Offsets that make no string of hundreds of megabytes; what would is in the transcripts. */
const OFFSETS = ['0', '1', '5', '43', '44', '45', '100', '536870912', '-1', '2147483648', '9223372036854775807', 'x'];
/** Bits of strings of a few hundred bytes, and what is refused. */
const BIT_OFFSETS = [
  ...['0', '1', '7', '8', '9', '31', '33', '63', '64', '100', '350', '999', '4294967296', '9223372036854775807'],
  ...['-1', 'x', '', '#0', '#1', '#3', '#7', '#4294967296', '#-1', '#', '#x', '##1', '#4611686018427387904'],
];
const BITS = ['0', '1', '0', '1', '0', '1', '2', '-1', 'x'];
const BIT_OPERATIONS = ['AND', 'OR', 'XOR', 'NOT', 'and', 'not', 'NAND'];
const FIELD_TYPES = [
  ...['u1', 'u2', 'u7', 'u8', 'u16', 'u31', 'u32', 'u33', 'u47', 'u62', 'u63', 'i1', 'i2', 'i5', 'i8', 'i16', 'i31'],
  ...['i32', 'i33', 'i52', 'i53', 'i63', 'i64', 'i64', 'u64', 'i65', 'u0', 'i', 'I8', 'u08', '8'],
];
const PFDEBUG_WORDS = ['GETREG', 'DECODE', 'ENCODING', 'TODENSE', 'todense', 'foo'];
const DATABASE_WORDS = ['0', '1', '2', '0', '1', '2', '16', '-1', '2147483647', '2147483648', 'x', ''];
const CURSORS = ['0', '0', '0', '', '-1', '+5', '12345', '18446744073709551615', '18446744073709551616', 'x', ' 1'];
const SAMPLES = ['0', '1', '5', '-1', 'x'];
const COUNTS = ['1', '2', '10', '1000', '0', '-1', 'x', '9223372036854775807'];

/** Of SRANDMEMBER and its kin: redis-server answers a large negative one until it is out of memory. */
const RANDOM_COUNTS = ['0', '1', '2', '5', '200', '-1', '-5', '-20', 'x', '', '9223372036854775807'];
/** Commands that make collections grow. */
const GROWS = /^(SADD|HSET|HMSET|ZADD|GEOADD|LPUSH|RPUSH|PFADD)$/;

/** What redis-server 7.0 does not know of commands that it does. */
const NEWER = /^(ZRANK|ZREVRANK) WITHSCORE$|^HSCAN NOVALUES$/;
/**
 * What would let both sides go on from different states. The last digits of a distance depend on the sine of the runtime: Bun's
 * is glibc's, as Redis', Node's is its own. Which of equally far places are the nearest is for redis-server's sort to say.
 */
const UNFIT = /^GEO\w+ STOREDIST$|^(GEOSEARCHSTORE|GEORADIUS|GEORADIUSBYMEMBER) COUNT$/;

/** Keys of one slot, for commands that may not span slots. */
const TAGGED: readonly string[] = KEYS.filter((key) => key.startsWith('{t}'));

export class Generator {
  /** Commands that it makes. */
  readonly names: ReadonlySet<string>;
  /** The keys that the command in the making chooses from. */
  private pool: readonly string[];
  /** Name of the command in the making. */
  private command: string;
  /** Behind a pool of shards: commands over several keys that do not fan out keep to one slot, or they are refused. */
  private readonly oneSlot: boolean;
  private readonly slots: Slots | undefined;
  /** What its elements are like, and how many different ones there are. */
  private flavour: Flavour;
  private variety: number;
  /** The second of two commands that belong together. */
  private pending: string[] | undefined;
  private readonly streams: StreamWords;
  private readonly prng: Prng;
  private readonly now_ms: () => number;
  private readonly makers: readonly { readonly weight: number; readonly make: () => string[] }[];
  private readonly totalWeight: number;

  constructor(declarations: readonly Declaration[], prng: Prng, now_ms: () => number, oneSlot = false) {
    this.names = new Set(declarations.map(({ name }) => name));
    this.pool = KEYS;
    this.command = '';
    this.oneSlot = oneSlot;
    this.slots = oneSlot ? new Slots(declarations) : undefined;
    this.flavour = 'mixed';
    this.variety = 0;
    this.pending = undefined;
    this.streams = new StreamWords(prng);
    this.prng = prng;
    this.now_ms = now_ms;
    this.makers = [
      ...declarations.flatMap((declaration) => this.makersOf(declaration, [])),
      { weight: 2, make: () => ['SELECT', `${prng.below(DATABASES)}`] },
    ];
    this.totalWeight = this.makers.reduce((sum, maker) => sum + maker.weight, 0);
  }

  next(): string[] {
    const { pending } = this;
    if (pending !== undefined) {
      this.pending = undefined;
      return pending;
    }
    const drawn = this.drawn();
    const made = isSort(drawn[0] ?? '') ? unambiguous(drawn) : drawn;
    const parts = flattened(made) ?? [made, undefined];
    if (this.slots !== undefined && !parts.every((words) => words === undefined || this.slots?.areOne(words))) {
      return this.next();
    }
    this.pending = parts[1];
    return parts[0];
  }

  private drawn(): string[] {
    let at = this.prng.below(this.totalWeight);
    for (const { weight, make } of this.makers) {
      at -= weight;
      if (at < 0) return make();
    }
    throw new Error('the weights do not add up');
  }

  private makersOf(declaration: Declaration, prefix: readonly string[]): { weight: number; make: () => string[] }[] {
    const words = [...prefix, declaration.name];
    if (declaration.kind === 'container') {
      return declaration.subcommands.flatMap((subcommand) => this.makersOf(subcommand, words));
    }
    // The harness has no gateway: of its commands only HELP needs nothing of one.
    if (declaration.kind === 'session' && declaration.name !== 'HELP') return [];
    const shapes = Object.entries(declaration.args).map(([name, { shape }]) => [name, shape] as const);
    const spans =
      declaration.kind === 'shard' &&
      declaration.fanout === undefined &&
      /COPY|RENAME|LCS|MSETNX|BITOP|PFCOUNT|PFMERGE|^S(MOVE|INTER|UNION|DIFF|ORT)|^B?(L(MOVE|MPOP)|RPOPLPUSH|[LR]POP$)|^B?Z(M?POP|INTER|UNION|DIFF|RANGESTORE)|^GEO|^XREAD/.test(
        words[0] ?? '',
      );
    const make = () => {
      this.command = words.join(' ');
      this.pool = this.oneSlot && spans ? TAGGED : this.poolOf(declaration);
      this.flavour = this.chance(0.4) ? 'integers' : 'mixed';
      this.variety = this.chance(0.8) ? 40 : 2000;
      const made = [...words, ...this.argumentsOf(declaration.group, shapes)];
      // A word too many behind a timeout may be a timeout that never ends.
      const mayBlock = declaration.flags.includes('blocking');
      return this.pool === TAGGED || mayBlock ? made : this.spoiled(made);
    };
    return [{ weight: weightOf(words.join(' ')), make }];
  }

  /** Mostly the keys where the family is at home. */
  private poolOf({ group }: Exclude<Declaration, { kind: 'container' }>): readonly string[] {
    const home = isSort(this.command) ? SORTABLE : homeOf(group);
    return home !== undefined && this.chance(0.95) ? home : KEYS;
  }

  private argumentsOf(group: Group, shapes: readonly (readonly [string, Shape])[]): string[] {
    if (group === 'stream') return this.streams.arguments(this.command, () => this.key());
    return this.arguments(shapes);
  }

  private arguments(shapes: readonly (readonly [string, Shape])[]): string[] {
    const positional: string[] = [];
    const options: string[][] = [];
    for (const [name, shape] of shapes) {
      if ('word' in shape && NEWER.test(`${this.command} ${shape.word}`)) continue;
      if (shape.kind === 'token' || shape.kind === 'after' || shape.kind === 'oneOf') {
        if (this.chance(0.35)) options.push(this.words(name, shape));
        if (this.chance(0.02)) options.push(this.words(name, shape));
      } else positional.push(...this.words(name, shape));
    }
    for (let i = options.length - 1; i > 0; i--) {
      const j = this.prng.below(i + 1);
      [options[i], options[j]] = [options[j] as string[], options[i] as string[]];
    }
    return [...positional, ...options.flat()];
  }

  private words(name: string, shape: Shape): string[] {
    switch (shape.kind) {
      case 'key':
        return [this.key()];
      case 'bytes':
        return [this.typed(name, shape.doc)];
      case 'integer':
        return [this.typed(name, 'integer')];
      case 'int64':
        return [this.integer()];
      case 'float':
        return [this.float()];
      case 'token':
        return [this.cased(shape.word)];
      case 'after':
        return [this.cased(shape.word), ...this.words(name, shape.of)];
      case 'oneOf': {
        const [member, inner] = this.one(Object.entries(shape.members));
        return this.words(member, inner);
      }
      case 'optional':
        return this.chance(0.5) ? this.words(name, shape.of) : [];
      case 'group':
        return Object.entries(shape.members).flatMap(([member, inner]) => this.words(member, inner));
      case 'many':
        // Enough of them to make a HyperLogLog dense.
        if (this.command === 'PFADD' && this.chance(0.03)) {
          return this.times(300, () => [`${this.prng.below(1_000_000)}`]);
        }
        return this.times(shape.min + howMany(this.prng, GROWS.test(this.command)), () => this.words(name, shape.of));
      case 'counted': {
        const count = 1 + this.prng.below(3);
        return [
          this.oneSlot || this.chance(0.9) ? `${count}` : this.integer(),
          ...this.times(count, () => this.words(name, shape.of)),
        ];
      }
      case 'custom':
        return shape.docs.flatMap((doc) => this.documented(doc));
    }
  }

  private key(): string {
    const key = this.one(this.pool);
    // Among such keys are sets that stay integers for long.
    if (key.endsWith('2')) this.flavour = this.chance(0.97) ? 'integers' : 'mixed';
    return key;
  }

  private documented(doc: ArgDoc): string[] {
    const optional = doc.flags.includes('optional');
    const word = `${this.command} ${doc.token}`;
    if (optional && (this.chance(0.5) || NEWER.test(word) || UNFIT.test(word))) return [];
    const words = doc.token === undefined ? [] : [this.cased(doc.token)];
    if (doc.type === 'oneof') {
      const members = (doc.arguments ?? []).filter(({ token }) => !UNFIT.test(`${this.command} ${token}`));
      const choice = () => this.documented(this.one(members));
      if (doc.flags.includes('multiple')) return [...words, ...this.times(1 + this.prng.below(3), choice)];
      const again = this.chance(0.2) ? choice() : [];
      return [...words, ...choice(), ...again];
    }
    if (doc.type === 'pure-token') return words;
    // Behind a pool of shards nobody may follow a pattern.
    if (isSort(this.command) && doc.type === 'pattern') return this.oneSlot ? [] : [...words, sortPattern(this.prng)];
    if (doc.type === 'block') {
      if (doc.arguments?.some(({ token }) => UNFIT.test(`${this.command} ${token}`))) return [];
      const block = () => [...words, ...(doc.arguments ?? []).flatMap((inner) => this.documented(inner))];
      const rows = 1 + howMany(this.prng, GROWS.test(this.command));
      return doc.flags.includes('multiple') ? this.times(rows, block) : block();
    }
    if (doc.type === 'key' && doc.flags.includes('multiple')) {
      return [...words, ...this.times(1 + this.prng.below(3), () => [this.key()])];
    }
    return [...words, this.typed(doc.name, doc.type)];
  }

  private typed(name: string, type: string): string {
    if (type === 'key') return this.key();
    if (type === 'pattern') return this.one(PATTERNS);
    const sorted = sortedWord(this.prng, this.command, name);
    if (sorted !== undefined) return sorted;
    if (this.command === 'RESTORE') {
      const word = restoreWord(this.prng, name, () => this.duration(1000));
      if (word !== undefined) return word;
    }
    if (type === 'double') return this.float();
    if (type === 'unix-time') return this.unixTime(/milli/i.test(name));
    const special = this.bitmapOrHyperloglog(name);
    if (special !== undefined) return special;
    if (name === 'count' && /RANDMEMBER|RANDFIELD/.test(this.command)) return this.one(RANDOM_COUNTS);
    if (/^(member|field|element)$/.test(name)) return element(this.prng, this.flavour, this.variety);
    if (type === 'string') return name === 'type' ? this.one(TYPES) : this.value();
    if (name === 'cursor') return this.one(CURSORS);
    if (name === 'offset') return this.one(OFFSETS);
    if (name === 'seconds') return this.duration(1);
    if (name === 'milliseconds') return this.duration(1000);
    if (/db$|^index/i.test(name)) return this.one(DATABASE_WORDS);
    if (name === 'count') return this.chance(0.5) ? this.one(SAMPLES) : this.one(COUNTS);
    return this.integer();
  }

  private bitmapOrHyperloglog(name: string): string | undefined {
    if (name === 'offset' && /BIT/.test(this.command)) return this.one(BIT_OFFSETS);
    if (name === 'encoding') return this.one(FIELD_TYPES);
    if (name === 'operation' && this.command === 'BITOP') return this.one(BIT_OPERATIONS);
    if (/^(SETBIT value|BITPOS bit)$/.test(`${this.command} ${name}`)) return this.one(BITS);
    return name === 'subcommand' && this.command === 'PFDEBUG' ? this.one(PFDEBUG_WORDS) : undefined;
  }

  /** Never so short that it could end within the run; all different, so that GT and LT never meet equals. */
  private duration(unit: number): string {
    if (this.chance(0.75))
      return `${(1000 + this.prng.below(1_000_000)) * unit + (unit > 1 ? this.prng.below(1000) : 0)}`;
    const edges = [
      '0',
      '-1',
      '-1000',
      '9223372036854775807',
      '9223372036854775',
      '9223372036854776',
      '-9223372036854775808',
    ];
    return this.chance(0.7) ? this.one(edges) : this.one(NO_INTEGERS);
  }

  private unixTime(milliseconds: boolean): string {
    const now = this.now_ms();
    const at_ms = now + (1000 + this.prng.below(1_000_000)) * 1000;
    if (this.chance(0.75)) return `${milliseconds ? at_ms + this.prng.below(1000) : Math.floor(at_ms / 1000)}`;
    const edges = ['0', '1', '-1', '1000000', '9223372036854775807', '9223372036854775', '9223372036854776'];
    return this.chance(0.7) ? this.one(edges) : this.one(NO_INTEGERS);
  }

  private value(): string {
    const kind = this.prng.below(10);
    if (kind < 3) return this.one(INTEGERS);
    if (kind < 5) return this.one(FLOATS);
    if (kind < 6) return this.one(NO_INTEGERS);
    if (kind < 9) return this.one(STRINGS);
    return this.times(this.prng.below(60), () => [String.fromCharCode(this.prng.below(256))]).join('');
  }

  private integer(): string {
    if (this.chance(0.15)) return this.one(NO_INTEGERS);
    return this.chance(0.5) ? this.one(INTEGERS) : `${this.prng.below(40) - 20}`;
  }

  private float(): string {
    if (this.chance(0.1)) return this.one(NO_FLOATS);
    if (this.chance(0.3)) return this.integer();
    if (this.chance(0.4)) return `${(this.prng.unit() - 0.5) * 10 ** (this.prng.below(40) - 20)}`;
    return this.one(FLOATS);
  }

  /** A few commands with a word missing, a word too many or a word in the wrong place. */
  private spoiled(words: string[]): string[] {
    if (!this.chance(0.05)) return words;
    const kind = this.prng.below(3);
    if (kind === 0 && words.length > 1) return words.slice(0, -1);
    const junk = this.one(JUNK);
    if (kind === 1) return [...words, junk];
    const at = 1 + this.prng.below(words.length);
    return [...words.slice(0, at), junk, ...words.slice(at)];
  }

  private cased(word: string): string {
    return this.chance(0.7) ? word : word.toLowerCase();
  }

  private chance(probability: number): boolean {
    return this.prng.unit() < probability;
  }

  private one<Value>(values: readonly Value[]): Value {
    return values[this.prng.below(values.length)] as Value;
  }

  private times(count: number, make: () => string[]): string[] {
    return Array.from({ length: count }, make).flat();
  }
}

/** Commands that empty or exchange everything come seldom, so that there is something to look at. */
function weightOf(name: string): number {
  if (/^(FLUSH|SWAPDB)/.test(name)) return 1;
  if (/^(SET|MSET|APPEND|SETRANGE|INCRBYFLOAT)$/.test(name) || GROWS.test(name) || name === 'XADD') return 60;
  if (/^(DEL|UNLINK|GETDEL|MOVE|KEYS|MEMORY HELP|OBJECT HELP)$/.test(name)) return 6;
  return 20;
}
