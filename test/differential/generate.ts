/**
 * Commands made from their declarations: every argument shape gives words for itself, so no option can be forgotten.
 * Values lean towards edges; a few commands are spoiled on purpose.
 */
import type { Prng } from '../../src/base/prng.ts';
import type { ArgDoc, Shape } from '../../src/command/args.ts';
import type { Declaration } from '../../src/command/spec.ts';

export const KEYS = [
  ...['a', 'b', 'c', 'key:1', 'key:2', 'key:3', '{t}1', '{t}2', '{t}3', '{}x', 'x{y', '__proto__', 'constructor'],
  ...['', '\0', '\xff\xfe', 'a b', 'a*', '[a]', 'k\r\n', 'long'.repeat(20)],
] as const;
/** What a spoiled command may have too much of; as it may land where a key belongs, these are keys as well. */
export const JUNK = ['', 'BOGUS', 'nx', 'EX', 'get', '0', '-1', '\0', ...KEYS] as const;
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
const DATABASE_WORDS = ['0', '1', '2', '0', '1', '2', '16', '-1', '2147483647', '2147483648', 'x', ''];
const CURSORS = ['0', '0', '0', '', '-1', '+5', '12345', '18446744073709551615', '18446744073709551616', 'x', ' 1'];
const SAMPLES = ['0', '1', '5', '-1', 'x'];
const COUNTS = ['1', '2', '10', '1000', '0', '-1', 'x', '9223372036854775807'];

/** Keys of one slot, for commands that may not span slots. */
const TAGGED: readonly string[] = KEYS.filter((key) => key.startsWith('{t}'));

export class Generator {
  /** The keys that the command in the making chooses from. */
  private pool: readonly string[];
  /** Behind a pool of shards: commands over several keys that do not fan out keep to one slot, or they are refused. */
  private readonly oneSlot: boolean;
  private readonly prng: Prng;
  private readonly now_ms: () => number;
  private readonly makers: readonly { readonly weight: number; readonly make: () => string[] }[];
  private readonly totalWeight: number;

  constructor(declarations: readonly Declaration[], prng: Prng, now_ms: () => number, oneSlot = false) {
    this.pool = KEYS;
    this.oneSlot = oneSlot;
    this.prng = prng;
    this.now_ms = now_ms;
    this.makers = [
      ...declarations.flatMap((declaration) => this.makersOf(declaration, [])),
      { weight: 2, make: () => ['SELECT', `${prng.below(DATABASES)}`] },
    ];
    this.totalWeight = this.makers.reduce((sum, maker) => sum + maker.weight, 0);
  }

  next(): string[] {
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
    const shapes = Object.entries(declaration.args).map(([name, { shape }]) => [name, shape] as const);
    const spans =
      declaration.kind === 'shard' && declaration.fanout === undefined && /COPY|RENAME|LCS|MSETNX/.test(words[0] ?? '');
    const make = () => {
      this.pool = this.oneSlot && spans ? TAGGED : KEYS;
      const made = [...words, ...this.arguments(shapes)];
      return this.pool === TAGGED ? made : this.spoiled(made);
    };
    return [{ weight: weightOf(words.join(' ')), make }];
  }

  private arguments(shapes: readonly (readonly [string, Shape])[]): string[] {
    const positional: string[] = [];
    const options: string[][] = [];
    for (const [name, shape] of shapes) {
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
        return [this.one(this.pool)];
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
        return this.times(shape.min + this.prng.below(3), () => this.words(name, shape.of));
      case 'counted': {
        const count = 1 + this.prng.below(3);
        return [this.chance(0.9) ? `${count}` : this.integer(), ...this.times(count, () => this.words(name, shape.of))];
      }
      case 'custom':
        return shape.docs.flatMap((doc) => this.documented(doc));
    }
  }

  private documented(doc: ArgDoc): string[] {
    const optional = doc.flags.includes('optional');
    if (optional && this.chance(0.5)) return [];
    const words = doc.token === undefined ? [] : [this.cased(doc.token)];
    if (doc.type === 'oneof') {
      const again = this.chance(0.2) ? this.documented(this.one(doc.arguments ?? [])) : [];
      return [...this.documented(this.one(doc.arguments ?? [])), ...again];
    }
    if (doc.type === 'pure-token') return words;
    return [...words, this.typed(doc.name, doc.type)];
  }

  private typed(name: string, type: string): string {
    if (type === 'key') return this.one(this.pool);
    if (type === 'pattern') return this.one(PATTERNS);
    if (type === 'double') return this.float();
    if (type === 'unix-time') return this.unixTime(/milli/i.test(name));
    if (type === 'string') return name === 'type' ? this.one(TYPES) : this.value();
    if (name === 'cursor') return this.one(CURSORS);
    if (name === 'offset') return this.one(OFFSETS);
    if (name === 'seconds') return this.duration(1);
    if (name === 'milliseconds') return this.duration(1000);
    if (/db$|^index/i.test(name)) return this.one(DATABASE_WORDS);
    if (name === 'count') return this.chance(0.5) ? this.one(SAMPLES) : this.one(COUNTS);
    return this.integer();
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
  if (/^(SET|MSET|APPEND|SETRANGE|INCRBYFLOAT)$/.test(name)) return 60;
  if (/^(DEL|UNLINK|GETDEL|MOVE|KEYS|MEMORY HELP|OBJECT HELP)$/.test(name)) return 6;
  return 20;
}
