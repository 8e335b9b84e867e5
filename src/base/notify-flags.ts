/** The classes of `notify-keyspace-events` as bits, and its text as redis-server reads and writes it. */

export const NOTIFY_KEYSPACE = 1;
export const NOTIFY_KEYEVENT = 2;
export const NOTIFY_GENERIC = 4;
export const NOTIFY_STRING = 8;
export const NOTIFY_LIST = 16;
export const NOTIFY_SET = 32;
export const NOTIFY_HASH = 64;
export const NOTIFY_ZSET = 128;
export const NOTIFY_EXPIRED = 256;
export const NOTIFY_EVICTED = 512;
export const NOTIFY_STREAM = 1024;
export const NOTIFY_KEY_MISS = 2048;
export const NOTIFY_MODULE = 4096;
export const NOTIFY_NEW = 8192;
/** `A`: all but misses and new keys. */
const NOTIFY_ALL =
  NOTIFY_GENERIC |
  NOTIFY_STRING |
  NOTIFY_LIST |
  NOTIFY_SET |
  NOTIFY_HASH |
  NOTIFY_ZSET |
  NOTIFY_EXPIRED |
  NOTIFY_EVICTED |
  NOTIFY_STREAM |
  NOTIFY_MODULE;

/** By the class that an effect names. */
export const EVENT_CLASS_FLAGS = {
  generic: NOTIFY_GENERIC,
  string: NOTIFY_STRING,
  list: NOTIFY_LIST,
  set: NOTIFY_SET,
  hash: NOTIFY_HASH,
  zset: NOTIFY_ZSET,
  stream: NOTIFY_STREAM,
  module: NOTIFY_MODULE,
  new: NOTIFY_NEW,
} as const;

/** In the order in which redis-server writes them. */
const CLASS_LETTERS: readonly (readonly [letter: string, flag: number])[] = [
  ['g', NOTIFY_GENERIC],
  ['$', NOTIFY_STRING],
  ['l', NOTIFY_LIST],
  ['s', NOTIFY_SET],
  ['h', NOTIFY_HASH],
  ['z', NOTIFY_ZSET],
  ['x', NOTIFY_EXPIRED],
  ['e', NOTIFY_EVICTED],
  ['t', NOTIFY_STREAM],
  ['d', NOTIFY_MODULE],
];
const OTHER_LETTERS: readonly (readonly [letter: string, flag: number])[] = [
  ['n', NOTIFY_NEW],
  ['K', NOTIFY_KEYSPACE],
  ['E', NOTIFY_KEYEVENT],
  ['m', NOTIFY_KEY_MISS],
];

const BY_LETTER: ReadonlyMap<string, number> = new Map(
  ([['A', NOTIFY_ALL]] as readonly (readonly [string, number])[]).concat(CLASS_LETTERS, OTHER_LETTERS),
);

/** Undefined when a letter means nothing. */
export function parseNotifyFlags(text: string): number | undefined {
  let flags = 0;
  for (const letter of text) {
    const flag = BY_LETTER.get(letter);
    if (flag === undefined) return undefined;
    flags |= flag;
  }
  return flags;
}

export function notifyFlagsText(flags: number): string {
  const letters = (rows: typeof CLASS_LETTERS) =>
    rows.map(([letter, flag]) => ((flags & flag) === 0 ? '' : letter)).join('');
  return ((flags & NOTIFY_ALL) === NOTIFY_ALL ? 'A' : letters(CLASS_LETTERS)) + letters(OTHER_LETTERS);
}

/** What shards have to tell of: nothing, unless it is to be published somewhere. */
export function wantedFlags(flags: number): number {
  return (flags & (NOTIFY_KEYSPACE | NOTIFY_KEYEVENT)) === 0 ? 0 : flags;
}
