/** GEOADD: places become scores of a sorted set. */

import { type ArgDoc, key } from '../../command/args.ts';
import { shardCommand } from '../../command/spec.ts';
import { SYNTAX_ERROR } from '../../resp/refusals.ts';
import { refused } from '../refused.ts';
import { tail } from '../words.ts';
import { addScored, CH, NX, scoresFor, XX } from '../zset/add.ts';
import { isWord } from '../zset/value.ts';
import { Place, scoreOfPlace } from './cell.ts';
import { choice, readPlace, token } from './value.ts';

const place = new Place();

const DOCS: readonly ArgDoc[] = [
  choice('condition', ['NX', 'XX']),
  token('change', 'CH'),
  {
    name: 'longitude-latitude-member',
    type: 'block',
    flags: ['multiple'],
    arguments: [
      { name: 'longitude', type: 'double', flags: [] },
      { name: 'latitude', type: 'double', flags: [] },
      { name: 'member', type: 'string', flags: [] },
    ],
  },
];

export const geoadd = shardCommand({
  name: 'GEOADD',
  summary: 'Adds members with their places to a sorted set, or moves them.',
  since: '3.2.0',
  complexity: 'O(log(N)) for each member, N being the size of the sorted set.',
  group: 'geo',
  flags: ['write', 'denyoom'],
  history: [['6.2.0', 'Added the `CH`, `NX` and `XX` options.']],
  args: { key: key('RW', 'update'), places: tail(3, DOCS) },
  run({ key, places }, call, out) {
    const { request } = call;
    let first = places.value;
    let flags = 0;
    for (; first < request.argc; first++) {
      if (isWord(request, first, 'NX')) flags |= NX;
      else if (isWord(request, first, 'XX')) flags |= XX;
      else if (isWord(request, first, 'CH')) flags |= CH;
      else break;
    }
    const count = (request.argc - first) / 3;
    const conflict = (flags & NX) !== 0 && (flags & XX) !== 0;
    if (conflict || count < 1 || !Number.isInteger(count)) return refused(out, SYNTAX_ERROR);
    const scores = scoresFor(count);
    for (let i = 0; i < count; i++) {
      const refusal = readPlace(request, first + i * 3, place);
      if (refusal !== undefined) return refused(out, refusal);
      scores[i] = scoreOfPlace(place.longitude, place.latitude);
    }
    return addScored(call, key, first + 2, 3, count, flags, out);
  },
});
