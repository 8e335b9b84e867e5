/** HSCAN: walks the fields of a hash in steps. A small hash is answered as a whole, as Redis does. */

import { key } from '../../command/args.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { shardCommand } from '../../command/spec.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { refused } from '../refused.ts';
import { cursorArgument, isWanted, type ScanOptions, scanOptionArguments, scanOptions } from '../scan-options.ts';
import { hash, NOT_THERE, nameView, openToRead, REFUSED, writeName, writeValue } from './value.ts';

function answer(cursor: number, options: ScanOptions, out: ReplyWriter): void {
  const places: number[] = [];
  const next = hash.scan(cursor, options.count, (place) => {
    hash.readName(place, nameView);
    if (isWanted(options, nameView.bytes, nameView.start, nameView.end)) places.push(place);
  });
  out.array(2);
  out.bulkInteger(next);
  out.array(options.withoutValues ? places.length : 2 * places.length);
  for (const place of places) {
    writeName(place, out);
    if (!options.withoutValues) writeValue(place, out);
  }
}

export const hscan = shardCommand({
  name: 'HSCAN',
  summary: 'Walks the fields of a hash in steps, from a cursor to the next.',
  since: '2.8.0',
  complexity: 'O(1) per call, O(N) for a whole walk, N being the number of fields.',
  group: 'hash',
  flags: ['readonly'],
  tips: ['nondeterministic_output'],
  history: [['7.4.0', 'Added the `NOVALUES` flag.']],
  args: {
    key: key('RO', 'access'),
    cursor: cursorArgument,
    options: scanOptionArguments([{ name: 'novalues', type: 'pure-token', token: 'NOVALUES', flags: ['optional'] }]),
  },
  run({ key, cursor, options }, call, out) {
    const opened = openToRead(call, key, out);
    if (opened === REFUSED) return UNCHANGED;
    if (opened === NOT_THERE) {
      out.array(2);
      out.bulkInteger(0);
      out.array(0);
      return UNCHANGED;
    }
    const given = scanOptions(call.request, options.value, true);
    if ('text' in given) return refused(out, given);
    answer(cursor.value, given, out);
    return UNCHANGED;
  },
});
