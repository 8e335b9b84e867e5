/**
 * Commands of streams: IDs that mostly rise, so that entries come, and read around where they rose to; few groups and
 * consumers; and how replies that tell times are compared. The ID `*` is not among them, as two servers have two clocks.
 */
import { latin1 } from '../../src/base/bytes.ts';
import type { Prng } from '../../src/base/prng.ts';
import type { Reply } from '../../src/resp/reply-reader.ts';

const EDGE_IDS = [
  ...['0-0', '0', '0-1', '18446744073709551615-18446744073709551615', '18446744073709551615-18446744073709551614'],
  ...['18446744073709551615', '18446744073709551614-18446744073709551615', '9223372036854775807-9223372036854775808'],
  ...['9223372036854775808-9223372036854775807', '18446744073709551615-*', '0-*'],
];
const NO_IDS = [
  '',
  'x',
  '1-',
  '-1',
  '1-x',
  '1-2-3',
  '18446744073709551616',
  '1--1',
  '01-1',
  ' 2-2',
  '3-+3',
  '-',
  '+',
  '*x',
  '1-\0',
];
const GROUPS = ['g', 'h', ''];
const CONSUMERS = ['alice', 'bob', 'carol', '\0\xff'];
const NO_NUMBERS = ['x', '', '1.5', '-1', '9223372036854775808', ' 1', '01'];
const COUNTS = ['1', '1', '2', '3', '5', '10', '100', '0', '-1', '9223372036854775807'];
const FIELDS = ['f', 'g', '1', '-1', '128', 'temperature'];
const VALUES = [
  'v',
  '',
  '0',
  '127',
  '128',
  '-4096',
  '32768',
  '9223372036854775807',
  '-9223372036854775808',
  '01',
  'x\r\n\0',
];

export class StreamWords {
  private readonly prng: Prng;
  /** Milliseconds of the IDs to come. */
  private clock: number;

  constructor(prng: Prng) {
    this.prng = prng;
    this.clock = 100;
  }

  /** The arguments of a command, behind its name. */
  arguments(command: string, key: () => string): string[] {
    switch (command) {
      case 'XADD':
        return [key(), ...this.addition()];
      case 'XTRIM':
        return [key(), ...(this.chance(0.97) ? this.trim() : [this.word()])];
      case 'XDEL':
        return [key(), ...this.ids()];
      case 'XRANGE':
        return [key(), this.bound(), this.bound(), ...this.maybe(0.5, 'COUNT', this.count())];
      case 'XREVRANGE':
        return [key(), this.bound(), this.bound(), ...this.maybe(0.5, 'COUNT', this.count())];
      case 'XREAD':
        return [...this.maybe(0.5, 'COUNT', this.count()), ...this.block(), ...this.streams(key, '$', '>')];
      case 'XREADGROUP':
        return this.groupRead(key);
      case 'XACK':
        return [key(), this.group(), ...this.ids()];
      case 'XPENDING':
        return [key(), this.group(), ...this.filter()];
      case 'XCLAIM':
        return [key(), this.group(), this.consumer(), this.idle(), ...this.ids(), ...this.claimOptions()];
      case 'XAUTOCLAIM':
        return [key(), this.group(), this.consumer(), this.idle(), this.bound(), ...this.autoClaimOptions()];
      case 'XSETID':
        return [key(), this.id(), ...this.setIdOptions()];
      default:
        return this.more(command, key);
    }
  }

  private more(command: string, key: () => string): string[] {
    switch (command) {
      case 'XGROUP CREATE':
        return [key(), this.group(), this.start('$'), ...this.maybe(0.5, 'MKSTREAM'), ...this.entriesRead()];
      case 'XGROUP SETID':
        return [key(), this.group(), this.start('$'), ...this.entriesRead()];
      case 'XGROUP DESTROY':
        return [key(), this.group()];
      case 'XGROUP CREATECONSUMER':
      case 'XGROUP DELCONSUMER':
        return [key(), this.group(), this.consumer()];
      case 'XINFO STREAM':
        return [key(), ...this.maybe(0.5, 'FULL', ...this.maybe(0.7, 'COUNT', this.count()))];
      case 'XINFO CONSUMERS':
        return [key(), this.group()];
      case 'XINFO GROUPS':
      case 'XLEN':
        return [key()];
      default:
        return [];
    }
  }

  private addition(): string[] {
    const options = [...this.maybe(0.1, 'NOMKSTREAM'), ...(this.chance(0.15) ? this.trim() : [])];
    if (this.chance(0.02)) options.push(this.word());
    const pairs = this.chance(0.02) ? 0 : this.chance(0.9) ? 1 + this.below(2) : 1 + this.below(20);
    // Few fields in one order, so that most entries have those of the first of their block.
    const fields = this.chance(0.7) ? FIELDS : [...FIELDS].reverse();
    const content = Array.from({ length: pairs }, (_, i) => [fields[i % fields.length] as string, this.value()]).flat();
    return [...options, this.nextId(), ...content, ...this.maybe(0.02, 'f')];
  }

  private value(): string {
    const kind = this.below(100);
    if (kind < 60) return this.one(VALUES);
    if (kind < 90) return `${this.below(100_000)}`;
    // Blocks end at 4096 bytes.
    return 'w'.repeat([63, 64, 400, 1300, 2500, 4095, 4096, 9000][this.below(8)] as number);
  }

  /** Mostly one that comes behind all others. */
  private nextId(): string {
    const kind = this.below(1000);
    if (kind < 3) return this.one(EDGE_IDS);
    if (kind < 40) return this.id();
    if (kind < 60) return this.one(NO_IDS);
    this.clock += this.below(3);
    if (kind < 400) return `${this.clock}-*`;
    return kind < 700 ? `${this.clock}` : `${this.clock}-${this.below(4)}`;
  }

  /** One that may be there. */
  private id(): string {
    const kind = this.below(100);
    if (kind < 3) return this.one(EDGE_IDS);
    if (kind < 5) return this.one(NO_IDS);
    const ms = this.chance(0.5) ? this.clock - this.below(30) : this.below(this.clock + 2);
    return kind < 50 ? `${ms}` : `${ms}-${this.below(4)}`;
  }

  private ids(): string[] {
    return Array.from({ length: 1 + this.below(this.chance(0.2) ? 20 : 3) }, () => this.id());
  }

  private start(special: string): string {
    return this.chance(0.3) ? special : this.chance(0.3) ? '0' : this.id();
  }

  private bound(): string {
    const kind = this.below(10);
    if (kind < 3) return '-';
    if (kind < 5) return '+';
    return kind < 7 ? `(${this.id()}` : this.id();
  }

  private trim(): string[] {
    const sign = this.chance(0.5) ? '~' : this.chance(0.5) ? '=' : '';
    const goal = this.chance(0.6)
      ? ['MAXLEN', ...(sign === '' ? [] : [sign]), this.chance(0.9) ? `${this.below(200)}` : this.number()]
      : ['MINID', ...(sign === '' ? [] : [sign]), this.id()];
    const again = this.chance(0.02) ? goal : [];
    return [...goal, ...this.maybe(sign === '~' ? 0.4 : 0.03, 'LIMIT', this.number()), ...again];
  }

  private block(): string[] {
    // Never 0, which is for ever.
    return this.maybe(0.1, 'BLOCK', this.chance(0.5) ? '1' : this.one(['-1', 'x', '1.5', '']));
  }

  private streams(key: () => string, special: string, wrong: string): string[] {
    const count = this.chance(0.6) ? 1 : 2;
    const keys = Array.from({ length: count }, key);
    const id = () => (this.chance(0.01) ? wrong : this.start(special));
    return ['STREAMS', ...keys, ...Array.from({ length: this.chance(0.98) ? count : count + 1 }, id)];
  }

  private groupRead(key: () => string): string[] {
    const group = this.chance(0.98) ? ['GROUP', this.group(), this.consumer()] : [];
    const isNew = this.chance(0.7);
    const streams = this.streams(key, '>', '$').map((word, i, all) => (isNew && i === all.length - 1 ? '>' : word));
    return [
      ...group,
      ...this.maybe(0.7, 'COUNT', this.count()),
      ...this.block(),
      ...this.maybe(0.2, 'NOACK'),
      ...streams,
    ];
  }

  private filter(): string[] {
    if (this.chance(0.4)) return [];
    const idle = this.maybe(0.3, 'IDLE', this.idle());
    return [...idle, this.bound(), this.bound(), this.count(), ...this.maybe(0.4, this.consumer())];
  }

  /** Far from what any entry's own may be: those are about 0, or a million by IDLE. */
  private idle(): string {
    const kind = this.below(20);
    if (kind < 12) return '0';
    return kind < 17 ? '500000' : kind < 19 ? '5000000000' : this.one(['-1', 'x', '', '-9223372036854775808']);
  }

  private claimOptions(): string[] {
    const time = this.one(['0', '1', '1000000', '1600000000000', '-1', '9223372036854775807', 'x']);
    return [
      ...this.maybe(0.3, 'IDLE', this.one(['0', '1000000', '1000000', '-1', '9223372036854775807', 'x'])),
      ...this.maybe(0.2, 'TIME', time),
      ...this.maybe(0.3, 'RETRYCOUNT', this.number()),
      ...this.maybe(0.4, 'FORCE'),
      ...this.maybe(0.3, 'JUSTID'),
      ...this.maybe(0.1, 'LASTID', this.id()),
      ...this.maybe(0.02, this.word()),
    ];
  }

  private autoClaimOptions(): string[] {
    return [...this.maybe(0.5, 'COUNT', this.count()), ...this.maybe(0.4, 'JUSTID'), ...this.maybe(0.02, this.word())];
  }

  private setIdOptions(): string[] {
    return [...this.maybe(0.4, 'ENTRIESADDED', this.number()), ...this.maybe(0.3, 'MAXDELETEDID', this.id())];
  }

  private entriesRead(): string[] {
    return this.maybe(0.3, 'ENTRIESREAD', this.number());
  }

  private count(): string {
    return this.chance(0.97) ? this.one(COUNTS) : this.one(NO_NUMBERS);
  }

  private number(): string {
    const kind = this.below(20);
    if (kind < 15) return `${this.below(30)}`;
    return kind < 18 ? this.one(['9223372036854775807', '4294967296', '9007199254740993']) : this.one(NO_NUMBERS);
  }

  private group(): string {
    return this.chance(0.9) ? this.one(GROUPS) : 'nosuch';
  }

  private consumer(): string {
    return this.one(CONSUMERS);
  }

  private word(): string {
    return this.one(['BOGUS', 'COUNT', 'LIMIT', 'MAXLEN', 'JUSTID', '']);
  }

  private maybe(probability: number, ...words: string[]): string[] {
    return this.chance(probability) ? words : [];
  }

  private chance(probability: number): boolean {
    return this.prng.unit() < probability;
  }

  private below(bound: number): number {
    return this.prng.below(bound);
  }

  private one(words: readonly string[]): string {
    return words[this.prng.below(words.length)] as string;
  }
}

/** A reply as a text with its times left out, and these. */
interface Told {
  readonly texts: string[];
  readonly times: number[];
}

function tell(reply: Reply, isTime: boolean, told: Told): void {
  switch (reply.kind) {
    case 'array': {
      told.texts.push(`[${reply.items.length}`);
      const pending = timeOfPending(reply.items);
      for (const [i, item] of reply.items.entries()) {
        tell(item, i === pending || isTimeName(reply.items[i - 1]), told);
      }
      break;
    }
    case 'map':
      told.texts.push(`{${reply.entries.length}`);
      for (const [name, value] of reply.entries) {
        tell(name, false, told);
        tell(value, isTimeName(name), told);
      }
      break;
    case 'integer':
      if (isTime) told.times.push(Number(reply.value));
      told.texts.push(isTime ? 'time' : `${reply.value}`);
      break;
    default:
      told.texts.push('bytes' in reply ? `'${latin1(reply.bytes)}'` : 'text' in reply ? reply.text : reply.kind);
  }
}

function isTimeName(reply: Reply | undefined): boolean {
  return reply !== undefined && 'bytes' in reply && /^(idle|seen-time)$/.test(latin1(reply.bytes));
}

/** Where the time is among ID, consumer, time and count, or ID, time and count; -1 in any other array. */
function timeOfPending(items: readonly Reply[]): number {
  const kinds = items.map(({ kind }) => kind).join();
  return kinds === 'bulk,bulk,integer,integer' ? 2 : kinds === 'bulk,integer,integer' ? 1 : -1;
}

/** Whether two replies about groups say the same, at about the same times. */
export function agreeButForTimes(theirs: Reply, ours: Reply, tolerated_ms: number): boolean {
  const [a, b]: [Told, Told] = [
    { texts: [], times: [] },
    { texts: [], times: [] },
  ];
  tell(theirs, false, a);
  tell(ours, false, b);
  if (a.texts.join('\x01') !== b.texts.join('\x01')) return false;
  return a.times.every((time, i) => Math.abs(time - (b.times[i] ?? Number.NaN)) <= tolerated_ms);
}
