/** OBJECT: how a value is kept. */
import { parseInteger } from '../../base/integer.ts';
import { type ArgIndex, key } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { container, type ShardCall, shardCommand } from '../../command/spec.ts';
import { type Database, Encoding, MISSING } from '../../engine/database.ts';
import { LFU_NOT_SELECTED, LFU_SELECTED } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { helpCommand } from '../server/help.ts';

/** As OBJECT ENCODING spells them. */
export const ENCODING_NAMES = new Map<Encoding, string>([
  [Encoding.raw, 'raw'],
  [Encoding.int, 'int'],
  [Encoding.hashtable, 'hashtable'],
  [Encoding.intset, 'intset'],
  [Encoding.skiplist, 'skiplist'],
  [Encoding.embstr, 'embstr'],
  [Encoding.quicklist, 'quicklist'],
  [Encoding.stream, 'stream'],
  [Encoding.listpack, 'listpack'],
  [Encoding.listpackex, 'listpackex'],
]);
/** What Redis says of the small integers that it shares between keys. */
const SHARED_REFERENCES = 0x7fffffff;
const SHARED_INTEGERS = 10_000;

/** Answers null when there is no such key, else what `tell` says of it. */
function about(
  call: ShardCall,
  key: ArgIndex,
  out: ReplyWriter,
  tell: (call: ShardCall, ref: number, out: ReplyWriter) => void,
): Effect {
  const { request, database } = call;
  const ref = database.findUntouched(request.bytes, request.start(key), request.end(key));
  if (ref === MISSING) out.null();
  else tell(call, ref, out);
  return UNCHANGED;
}

const FACTS = {
  complexity: 'O(1)',
  group: 'generic',
  flags: ['readonly'],
  categories: ['keyspace'],
  tips: ['nondeterministic_output'],
  args: { key: key('RO') },
} as const;

function tellEncoding({ database }: ShardCall, ref: number, out: ReplyWriter): void {
  out.bulkText(ENCODING_NAMES.get(database.encoding(ref)) ?? 'unknown');
}

function tellFrequency(call: ShardCall, ref: number, out: ReplyWriter): void {
  if (call.realm.usesLfu()) out.integer(call.database.frequency(ref));
  else out.error(LFU_NOT_SELECTED);
}

function tellIdleTime(call: ShardCall, ref: number, out: ReplyWriter): void {
  if (call.realm.usesLfu()) out.error(LFU_SELECTED);
  else out.integer(call.database.idleSeconds(ref));
}

/** Nothing is shared here; the number is what clients of Redis know. */
function references(database: Database, ref: number): number {
  if (database.encoding(ref) !== Encoding.int) return 1;
  const start = database.valueStart(ref);
  const value = parseInteger(database.valueBytes(ref), start, start + database.valueLength(ref));
  return value >= 0 && value < SHARED_INTEGERS ? SHARED_REFERENCES : 1;
}

const encoding = shardCommand({
  ...FACTS,
  name: 'ENCODING',
  summary: 'Names the representation of a value.',
  since: '2.2.3',
  run: ({ key }, call, out) => about(call, key, out, tellEncoding),
});

const freq = shardCommand({
  ...FACTS,
  name: 'FREQ',
  summary: 'The logarithmic counter of how often a key is used, under an LFU policy.',
  since: '4.0.0',
  run: ({ key }, call, out) => about(call, key, out, tellFrequency),
});

const idletime = shardCommand({
  ...FACTS,
  name: 'IDLETIME',
  summary: 'Seconds since a key was last used.',
  since: '2.2.3',
  run: ({ key }, call, out) => about(call, key, out, tellIdleTime),
});

const refcount = shardCommand({
  ...FACTS,
  name: 'REFCOUNT',
  summary: 'How many references there are to a value.',
  since: '2.2.3',
  run: ({ key }, call, out) =>
    about(call, key, out, ({ database }, ref, writer) => writer.integer(references(database, ref))),
});

export const object = container({
  name: 'OBJECT',
  summary: 'Leads to what can be asked of a value.',
  since: '2.2.3',
  complexity: 'Depends on subcommand.',
  group: 'generic',
  subcommands: [
    encoding,
    freq,
    helpCommand({
      flags: ['loading', 'stale'],
      container: 'OBJECT',
      since: '6.2.0',
      group: 'generic',
      categories: ['keyspace'],
      lines: [
        'ENCODING <key>',
        '    Return the kind of internal representation used in order to store the value',
        '    associated with a <key>.',
        'FREQ <key>',
        '    Return the access frequency index of the <key>. The returned integer is',
        '    proportional to the logarithm of the recent access frequency of the key.',
        'IDLETIME <key>',
        '    Return the idle time of the <key>, that is the approximated number of',
        '    seconds elapsed since the last access to the key.',
        'REFCOUNT <key>',
        '    Return the number of references of the value associated with the specified',
        '    <key>.',
      ],
    }),
    idletime,
    refcount,
  ],
});
