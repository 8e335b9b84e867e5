/** GEOADD, and what reads single places: GEOPOS, GEODIST, GEOHASH. */

import { type ArgDoc, type ArgIndex, bytes, key, many } from '../../command/args.ts';
import { type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { SortedSet } from '../../engine/types/zset.ts';
import { SYNTAX_ERROR } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { refused } from '../refused.ts';
import { tail } from '../words.ts';
import { NOT_THERE, OPENED, openToRead, REFUSED } from '../zset/value.ts';
import { distance } from './area.ts';
import { geohashText, Place } from './cell.ts';
import { distanceText, UNIT_DOC, unitAt, writePlace } from './value.ts';

const zset = new SortedSet();
const place = new Place();
const other = new Place();

/** Reads the place of a member of the set aimed at; false when it is not there. */
function locate(call: ShardCall, member: ArgIndex, into: Place): boolean {
  const { request } = call;
  const score = zset.scoreOf(request.bytes, request.start(member), request.end(member));
  if (Number.isNaN(score)) return false;
  into.decode(score);
  return true;
}

/** Answers an array of what `write` says of each member, or of what there is in place of one. */
function eachPlace(
  call: ShardCall,
  key: ArgIndex,
  first: ArgIndex,
  out: ReplyWriter,
  write: () => void,
  writeMissing: () => void,
): Effect {
  const opened = openToRead(call, key, zset, out);
  if (opened === REFUSED) return UNCHANGED;
  const { argc } = call.request;
  out.array(argc - first);
  for (let at = first; at < argc; at++) {
    if (opened === OPENED && locate(call, at, place)) write();
    else writeMissing();
  }
  return UNCHANGED;
}

export const geopos = shardCommand({
  name: 'GEOPOS',
  summary: 'Longitude and latitude of members.',
  since: '3.2.0',
  complexity: 'O(N), N being the number of members asked for.',
  group: 'geo',
  flags: ['readonly'],
  args: { key: key('RO', 'access'), member: many(bytes, 0) },
  run: ({ key, member }, call, out) =>
    eachPlace(
      call,
      key,
      member,
      out,
      () => writePlace(out, place),
      () => out.nullArray(),
    ),
});

export const geohash = shardCommand({
  name: 'GEOHASH',
  summary: 'The usual geohash texts of members.',
  since: '3.2.0',
  complexity: 'O(N), N being the number of members asked for.',
  group: 'geo',
  flags: ['readonly'],
  args: { key: key('RO', 'access'), member: many(bytes, 0) },
  run: ({ key, member }, call, out) =>
    eachPlace(
      call,
      key,
      member,
      out,
      () => out.bulkText(geohashText(place)),
      () => out.null(),
    ),
});

const UNIT: readonly ArgDoc[] = [{ ...UNIT_DOC, flags: ['optional'] }];

export const geodist = shardCommand({
  name: 'GEODIST',
  summary: 'How far two members are apart.',
  since: '3.2.0',
  complexity: 'O(1)',
  group: 'geo',
  flags: ['readonly'],
  args: { key: key('RO', 'access'), member1: bytes, member2: bytes, unit: tail(0, UNIT) },
  run({ key, member1, member2, unit }, call, out) {
    const { request } = call;
    const extra = request.argc - unit.value;
    if (extra > 1) return refused(out, SYNTAX_ERROR);
    const unitMeters = extra === 1 ? unitAt(request, unit.value) : 1;
    if (typeof unitMeters !== 'number') return refused(out, unitMeters);
    const opened = openToRead(call, key, zset, out);
    if (opened === REFUSED) return UNCHANGED;
    if (opened === NOT_THERE || !locate(call, member1, place) || !locate(call, member2, other)) {
      out.null();
      return UNCHANGED;
    }
    const meters = distance(place.longitude, place.latitude, other.longitude, other.latitude);
    out.bulkText(distanceText(meters / unitMeters));
    return UNCHANGED;
  },
});
