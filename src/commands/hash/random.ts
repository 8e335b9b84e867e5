/** HRANDFIELD: random fields, each as likely as any other, however the hash is kept. */
import { spells } from '../../base/ascii.ts';
import { bytesOfLatin1 } from '../../base/bytes.ts';
import { type ArgIndex, type CustomParse, custom, key } from '../../command/args.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import { OUT_OF_RANGE, type Refusal, SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { randomCount, repeatsRefusal } from '../random-count.ts';
import { hash, OPENED, openToRead, REFUSED, writeName, writeValue } from './value.ts';

const WITHVALUES = bytesOfLatin1('WITHVALUES');
/** With values no more may be asked for: twice as many replies must still be a number. */
const COUNT_WITH_VALUES_MAX = 2 ** 62;

interface Wanted {
  readonly count: number;
  readonly withValues: boolean;
}

function parseWanted(request: Request, at: ArgIndex): CustomParse<Wanted | undefined> | Refusal {
  const end = request.argc;
  if (at === end) return { end, value: undefined, keys: [] };
  const count = randomCount(request, at);
  if (typeof count !== 'number') return count;
  if (at + 1 === end) return { end, value: { count, withValues: false }, keys: [] };
  const isWord = spells(request.bytes, request.start(at + 1), request.end(at + 1), WITHVALUES);
  if (at + 2 < end || !isWord) return SYNTAX_ERROR;
  if (Math.abs(count) >= COUNT_WITH_VALUES_MAX) return OUT_OF_RANGE;
  return { end, value: { count, withValues: true }, keys: [] };
}

const options = custom({
  required: 0,
  parse: parseWanted,
  docs: [
    {
      name: 'options',
      type: 'block',
      flags: ['optional'],
      arguments: [
        { name: 'count', type: 'integer', flags: [] },
        { name: 'withvalues', type: 'pure-token', token: 'WITHVALUES', flags: ['optional'] },
      ],
    },
  ],
});

/** One field of the reply: in RESP3 a pair when it comes with its value. */
function write(place: number, withValues: boolean, out: ReplyWriter): void {
  if (withValues && out.protocol === 3) out.array(2);
  writeName(place, out);
  if (withValues) writeValue(place, out);
}

function begin(count: number, withValues: boolean, out: ReplyWriter): void {
  out.array(withValues && out.protocol === 2 ? 2 * count : count);
}

/** So many different fields, or all of them. */
function answerDifferent(call: ShardCall, count: number, withValues: boolean, out: ReplyWriter): void {
  const { size } = hash;
  begin(Math.min(count, size), withValues, out);
  if (count >= size) return hash.walk((place) => write(place, withValues, out));
  for (const place of hash.choose(count, call.database.prng)) write(place, withValues, out);
}

/** So many fields, of which some may be the same. */
function answerRepeated(call: ShardCall, count: number, withValues: boolean, out: ReplyWriter): void {
  begin(count, withValues, out);
  for (let i = 0; i < count && !out.overflowed; i++) write(hash.random(call.database.prng), withValues, out);
}

function answer(call: ShardCall, { count, withValues }: Wanted, out: ReplyWriter): void {
  if (count > 0) return answerDifferent(call, count, withValues, out);
  const refusal = repeatsRefusal(count);
  if (refusal !== undefined) out.error(refusal);
  else answerRepeated(call, -count, withValues, out);
}

export const hrandfield = shardCommand({
  name: 'HRANDFIELD',
  summary: 'Random fields of a hash: different ones, or with a negative count any, with their values if wanted.',
  since: '6.2.0',
  complexity: 'O(1) without a count, else O(N), N being the count without its sign.',
  group: 'hash',
  flags: ['readonly'],
  tips: ['nondeterministic_output'],
  args: { key: key('RO', 'access'), options },
  run({ key, options }, call, out) {
    const opened = openToRead(call, key, out);
    if (opened === REFUSED) return UNCHANGED;
    const wanted = options.value;
    const place = opened === OPENED ? hash.random(call.database.prng) : MISSING;
    if (wanted === undefined) {
      if (place === MISSING) out.null();
      else writeName(place, out);
    } else if (place === MISSING || wanted.count === 0) out.array(0);
    else answer(call, wanted, out);
    return UNCHANGED;
  },
});
