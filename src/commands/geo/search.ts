/**
 * GEOSEARCH, GEOSEARCHSTORE and the older commands that are a part of them each.
 *
 * Candidates come from the sorted set by ranges of scores, cell by cell, in the order of Redis; ranks stand for them until
 * the reply is written, as nothing changes in between.
 */

import { type ArgDoc, type ArgIndex, custom, type KeyFlag, type KeySpec, key } from '../../command/args.ts';
import { changes, type Effect, UNCHANGED } from '../../command/effect.ts';
import { type ShardCall, shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import { SortedSet } from '../../engine/types/zset.ts';
import { SortedSetBuilder } from '../../engine/types/zset-builder.ts';
import { ZsetCursor } from '../../engine/types/zset-cursor.ts';
import { GEO_MEMBER_UNKNOWN, OOM, type Refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { refused } from '../refused.ts';
import { NOT_THERE, OPENED, openToRead, REFUSED, roomForResult, storeResult } from '../zset/value.ts';
import { type Area, distanceWithin, spansOf } from './area.ts';
import { Place } from './cell.ts';
import { type Form, type Query, queryParser } from './query.ts';
import { choice, distanceText, token, UNIT_DOC, writePlace } from './value.ts';

const zset = new SortedSet();
const cursor = new ZsetCursor();
const place = new Place();

interface Found {
  readonly rank: number;
  readonly score: number;
  /** In the unit of the query. */
  distance: number;
  readonly longitude: number;
  readonly latitude: number;
}

/** Takes the middle from the members asked for. */
function findMiddle(call: ShardCall, query: Query): Refusal | undefined {
  const { request } = call;
  for (const member of query.members) {
    const score = zset.scoreOf(request.bytes, request.start(member), request.end(member));
    if (Number.isNaN(score)) return GEO_MEMBER_UNKNOWN;
    query.middle.decode(score);
  }
  return query.circleRefusal;
}

function areaOf(query: Query): Area {
  const { middle, isBox, width, height, unitMeters } = query;
  return { longitude: middle.longitude, latitude: middle.latitude, isBox, width, height, unitMeters };
}

/** What is in the area, in the order of the map, or in that which was asked for. */
function search(query: Query): Found[] {
  const area = areaOf(query);
  const limit = query.any ? query.count : Number.POSITIVE_INFINITY;
  const found: Found[] = [];
  for (const span of spansOf(area)) {
    if (found.length >= limit) break;
    collect(area, span.from, span.to, limit, found);
  }
  if (query.order === 'asc') found.sort((a, b) => a.distance - b.distance);
  if (query.order === 'desc') found.sort((a, b) => b.distance - a.distance);
  if (query.count > 0 && found.length > query.count) found.length = query.count;
  for (const each of found) each.distance /= query.unitMeters;
  return found;
}

/** Adds what is within among the scores of one cell. */
function collect(area: Area, from: number, to: number, limit: number, found: Found[]): void {
  let rank = zset.countBelow(from, false);
  for (let there = zset.seek(rank, cursor); there && found.length < limit; there = cursor.next()) {
    const { score } = cursor;
    if (score >= to) return;
    place.decode(score);
    const distance = distanceWithin(area, place);
    if (distance >= 0) {
      found.push({ rank, score, distance, longitude: place.longitude, latitude: place.latitude });
    }
    rank++;
  }
}

/** As C makes an integer of a double. */
function wholeScore(score: number): bigint {
  return Math.abs(score) < 2 ** 63 ? BigInt(Math.trunc(score)) : -(2n ** 63n);
}

function answer(query: Query, found: readonly Found[], out: ReplyWriter): void {
  const extras = (query.withDistance ? 1 : 0) + (query.withHash ? 1 : 0) + (query.withPlace ? 1 : 0);
  out.array(found.length);
  for (const each of found) {
    if (out.overflowed) return;
    if (extras > 0) out.array(extras + 1);
    zset.seek(each.rank, cursor);
    out.bulk(cursor.bytes, cursor.start, cursor.end);
    if (query.withDistance) out.bulkText(distanceText(each.distance));
    if (query.withHash) out.integer(wholeScore(each.score));
    if (query.withPlace) writePlace(out, each);
  }
}

/** The members found as a new set; undefined when the arena is full. */
function collected(call: ShardCall, query: Query, found: readonly Found[]): SortedSetBuilder | undefined {
  const builder = new SortedSetBuilder(call.database.ground);
  let complete = true;
  for (const each of found) {
    zset.seek(each.rank, cursor);
    // An area that goes round the Earth finds places twice.
    if (builder.find(cursor.bytes, cursor.start, cursor.end) !== MISSING) continue;
    const score = query.storesDistance ? each.distance : each.score;
    complete = complete && builder.add(cursor.bytes, cursor.start, cursor.end, score);
  }
  if (complete && builder.arrange()) return builder;
  builder.discard();
  return undefined;
}

function store(call: ShardCall, source: ArgIndex, query: Query, event: string, out: ReplyWriter): Effect {
  let found = search(query);
  if (!roomForResult(call, query.store, found.length, zset.heldBytes)) return refused(out, OOM);
  // Making room may have evicted the source.
  const { request, database } = call;
  const ref = database.peek(request.bytes, request.start(source), request.end(source));
  if (ref === MISSING) found = [];
  else zset.open(database, ref);
  const builder = collected(call, query, found);
  if (builder === undefined) return refused(out, OOM);
  const written = changes(builder.size, [{ eventClass: 'zset', name: event, key: query.store }]);
  return storeResult(call, query.store, builder, written, out);
}

function run(call: ShardCall, source: ArgIndex, query: Query, event: string, out: ReplyWriter): Effect {
  const opened = openToRead(call, source, zset, out);
  if (opened === REFUSED) return UNCHANGED;
  const unknown = opened === OPENED ? findMiddle(call, query) : undefined;
  const refusal = unknown ?? query.refusal;
  if (refusal !== undefined) return refused(out, refusal);
  if (query.store !== 0) {
    if (opened === OPENED) return store(call, source, query, event, out);
    return storeResult(call, query.store, new SortedSetBuilder(call.database.ground), UNCHANGED, out);
  }
  if (opened === NOT_THERE) out.array(0);
  else answer(query, search(query), out);
  return UNCHANGED;
}

// -- Declarations ------------------------------------------------------------------------------------------------------

const BY_RADIUS: readonly ArgDoc[] = [{ name: 'radius', type: 'double', flags: [] }, UNIT_DOC];
const WITH: readonly ArgDoc[] = [
  token('withcoord', 'WITHCOORD'),
  token('withdist', 'WITHDIST'),
  token('withhash', 'WITHHASH'),
];
const COUNT: ArgDoc = {
  name: 'count-block',
  type: 'block',
  flags: ['optional'],
  arguments: [{ name: 'count', type: 'integer', token: 'COUNT', flags: [] }, token('any', 'ANY')],
};
const ORDER = choice('order', ['ASC', 'DESC']);
const STORE: ArgDoc = {
  name: 'store',
  type: 'oneof',
  flags: ['optional'],
  arguments: [
    { name: 'storekey', type: 'key', token: 'STORE', flags: [] },
    { name: 'storedistkey', type: 'key', token: 'STOREDIST', flags: [] },
  ],
};
const STORE_FLAGS: readonly KeyFlag[] = ['OW', 'update'];

function storeSpecs(startFrom: number): readonly KeySpec[] {
  return ['STORE', 'STOREDIST'].map((keyword) => ({
    flags: STORE_FLAGS,
    begin: { kind: 'keyword', keyword, startFrom },
    find: { kind: 'range', lastKey: 0, step: 1, limit: 0 },
  }));
}

/** Everything behind the source key. */
function query(form: Form, required: number, docs: readonly ArgDoc[], keySpecs: readonly KeySpec[] = []) {
  return custom({ parse: queryParser(form), required, docs, keySpecs });
}

const COMPLEXITY = 'O(N+log(M)), N being the members in the cells around the area and M those in the set.';
const PLACE: readonly ArgDoc[] = [
  { name: 'longitude', type: 'double', flags: [] },
  { name: 'latitude', type: 'double', flags: [] },
];
const MEMBER: ArgDoc = { name: 'member', type: 'string', flags: [] };
const OPTIONS: readonly ArgDoc[] = WITH.concat([COUNT, ORDER]);

export const georadius = shardCommand({
  name: 'GEORADIUS',
  summary: 'The members within a distance of a place; or stores them.',
  since: '3.2.0',
  complexity: COMPLEXITY,
  group: 'geo',
  flags: ['write', 'denyoom'],
  history: [
    ['6.2.0', 'Added the `ANY` option for `COUNT`.'],
    ['7.0.0', 'Added support for uppercase unit names.'],
  ],
  deprecated: { since: '6.2.0', replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument' },
  args: {
    key: key('RO', 'access'),
    query: query({ around: 'place', stores: 'byOption' }, 4, PLACE.concat(BY_RADIUS, OPTIONS, [STORE]), storeSpecs(6)),
  },
  run: ({ key, query }, call, out) => run(call, key, query.value, 'georadiusstore', out),
});

export const georadiusRo = shardCommand({
  name: 'GEORADIUS_RO',
  summary: 'The members within a distance of a place.',
  since: '3.2.10',
  complexity: COMPLEXITY,
  group: 'geo',
  flags: ['readonly'],
  history: [['6.2.0', 'Added the `ANY` option for `COUNT`.']],
  deprecated: { since: '6.2.0', replacedBy: '`GEOSEARCH` with the `BYRADIUS` argument' },
  args: {
    key: key('RO', 'access'),
    query: query({ around: 'place', stores: 'never' }, 4, PLACE.concat(BY_RADIUS, OPTIONS)),
  },
  run: ({ key, query }, call, out) => run(call, key, query.value, '', out),
});

export const georadiusbymember = shardCommand({
  name: 'GEORADIUSBYMEMBER',
  summary: 'The members within a distance of one of them; or stores them.',
  since: '3.2.0',
  complexity: COMPLEXITY,
  group: 'geo',
  flags: ['write', 'denyoom'],
  history: [['7.0.0', 'Added support for uppercase unit names.']],
  deprecated: {
    since: '6.2.0',
    replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments',
  },
  args: {
    key: key('RO', 'access'),
    query: query(
      { around: 'member', stores: 'byOption' },
      3,
      [MEMBER].concat(BY_RADIUS, OPTIONS, [STORE]),
      storeSpecs(5),
    ),
  },
  run: ({ key, query }, call, out) => run(call, key, query.value, 'georadiusstore', out),
});

export const georadiusbymemberRo = shardCommand({
  name: 'GEORADIUSBYMEMBER_RO',
  summary: 'The members within a distance of one of them.',
  since: '3.2.10',
  complexity: COMPLEXITY,
  group: 'geo',
  flags: ['readonly'],
  deprecated: { since: '6.2.0', replacedBy: '`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments' },
  args: {
    key: key('RO', 'access'),
    query: query({ around: 'member', stores: 'never' }, 3, [MEMBER].concat(BY_RADIUS, OPTIONS)),
  },
  run: ({ key, query }, call, out) => run(call, key, query.value, '', out),
});

const FROM: ArgDoc = {
  name: 'from',
  type: 'oneof',
  flags: [],
  arguments: [
    { ...MEMBER, token: 'FROMMEMBER' },
    { name: 'fromlonlat', type: 'block', token: 'FROMLONLAT', flags: [], arguments: PLACE },
  ],
};
const BY: ArgDoc = {
  name: 'by',
  type: 'oneof',
  flags: [],
  arguments: [
    { name: 'circle', type: 'block', token: 'BYRADIUS', flags: [], arguments: BY_RADIUS },
    {
      name: 'box',
      type: 'block',
      token: 'BYBOX',
      flags: [],
      arguments: [
        { name: 'width', type: 'double', flags: [] },
        { name: 'height', type: 'double', flags: [] },
        UNIT_DOC,
      ],
    },
  ],
};

export const geosearch = shardCommand({
  name: 'GEOSEARCH',
  summary: 'The members within a circle or a box.',
  since: '6.2.0',
  complexity: COMPLEXITY,
  group: 'geo',
  flags: ['readonly'],
  history: [['7.0.0', 'Added support for uppercase unit names.']],
  args: {
    key: key('RO', 'access'),
    query: query({ around: 'options', stores: 'never' }, 5, [FROM, BY, ORDER, COUNT].concat(WITH)),
  },
  run: ({ key, query }, call, out) => run(call, key, query.value, '', out),
});

export const geosearchstore = shardCommand({
  name: 'GEOSEARCHSTORE',
  summary: 'Stores the members within a circle or a box under another key.',
  since: '6.2.0',
  complexity: COMPLEXITY,
  group: 'geo',
  flags: ['write', 'denyoom'],
  history: [['7.0.0', 'Added support for uppercase unit names.']],
  args: {
    destination: key('OW', 'update'),
    source: key('RO', 'access'),
    query: query({ around: 'options', stores: 'always' }, 5, [FROM, BY, ORDER, COUNT, token('storedist', 'STOREDIST')]),
  },
  run: ({ source, query }, call, out) => run(call, source, query.value, 'geosearchstore', out),
});
