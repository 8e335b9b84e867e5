/** One reply per command, in order, whatever is late, cut, slow, paused or silent: measured against one command at a time. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RATE_WAIT_MS_MAX } from '../../src/base/limits.ts';
import { type Client, LaterBackend, World, wire } from './world.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

type Words = readonly string[];

/** Stands for bytes that no client may send. */
const BROKEN: Words = [];

function encoded(words: Words): Buffer {
  return words === BROKEN ? Buffer.from('*1\r\n!3\r\n') : wire(...words);
}

const key = fc.constantFrom('a', 'b', 'c');
const list = fc.constantFrom('l', 'm', 'a');
const value = fc.oneof(
  { weight: 8, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom('v'.repeat(3000), 'w'.repeat(70_000), 'x'.repeat(300_000)) },
);

const ordinary: fc.Arbitrary<Words> = fc.oneof(
  fc.tuple(fc.constant('SET'), key, value),
  fc.tuple(fc.constant('GET'), key),
  fc.tuple(fc.constant('GET'), key),
  fc.tuple(fc.constant('INCR'), key),
  fc.tuple(fc.constant('MGET'), key, key),
  fc.tuple(fc.constant('DEL'), key),
  fc.tuple(fc.constant('ECHO'), value),
  fc.constant(['PING']),
  fc.constant(['GET']),
  fc.constant(['NOSUCH', 'command']),
  fc.tuple(fc.constant('SELECT'), fc.constantFrom('0', '1', '99')),
  fc.constant(['CLIENT', 'GETNAME']),
  fc.tuple(fc.constant('CLIENT'), fc.constant('SETNAME'), key),
);

/** What a client says to itself: messages have a place among the replies. */
const own: fc.Arbitrary<Words> = fc.oneof(
  fc.tuple(fc.constant('SUBSCRIBE'), key),
  fc.tuple(fc.constant('PUBLISH'), key, value),
  fc.tuple(fc.constant('PUBLISH'), key, value),
  fc.tuple(fc.constant('SPUBLISH'), key, value),
  fc.constantFrom<Words>(
    ['PSUBSCRIBE', '?'],
    ['SSUBSCRIBE', 'a', 'b'],
    ['UNSUBSCRIBE'],
    ['UNSUBSCRIBE', 'a'],
    ['PUNSUBSCRIBE'],
    ['SUNSUBSCRIBE'],
  ),
);

/** Of lists and waits: nobody else pushes, so who finds nothing waits for its time. */
const waits: fc.Arbitrary<Words> = fc.oneof(
  fc.tuple(fc.constantFrom('BLPOP', 'BRPOP'), list, list, fc.constantFrom('0.05', '0.3')),
  fc.tuple(fc.constant('BLMOVE'), list, list, fc.constant('LEFT'), fc.constant('RIGHT'), fc.constant('0.1')),
  fc.tuple(fc.constant('RPUSH'), list, value),
  fc.tuple(fc.constant('LLEN'), list),
  fc.constantFrom<Words>(['BZPOPMIN', 'a', '0.05'], ['WAIT', '1', '40'], ['WAIT', '0', '0'], ['BLPOP', 'l', 'x']),
);

/** What changes how replies look is not asked for inside: a pool refuses that. */
const transactions: fc.Arbitrary<readonly Words[]> = fc
  .tuple(
    fc.constantFrom<readonly Words[]>(
      [],
      [],
      [['WATCH', 'a']],
      [
        ['WATCH', 'a'],
        ['SET', 'a', 'changed'],
      ],
      [['UNWATCH']],
    ),
    fc.array(
      fc.oneof(
        { weight: 5, arbitrary: ordinary },
        { weight: 2, arbitrary: waits },
        { weight: 2, arbitrary: own },
        { weight: 1, arbitrary: fc.constantFrom<Words>(['MULTI'], ['WATCH', 'b'], ['UNWATCH'], ['PING', 'x', 'y']) },
      ),
      { maxLength: 6 },
    ),
    fc.constantFrom<Words>(['EXEC'], ['EXEC'], ['EXEC'], ['EXEC'], ['DISCARD'], ['RESET'], ['QUIT']),
  )
  .map(([before, queued, end]) => [...before, ['MULTI'], ...queued, end]);

const special: fc.Arbitrary<Words> = fc.constantFrom<Words>(
  ['CLIENT', 'REPLY', 'OFF'],
  ['CLIENT', 'REPLY', 'ON'],
  ['CLIENT', 'REPLY', 'ON'],
  ['CLIENT', 'REPLY', 'SKIP'],
  ['CLIENT', 'REPLY', 'SKIP'],
  ['HELLO', '3'],
  ['HELLO', '2'],
  ['HELLO', '9'],
  ['RESET'],
  ['AUTH', 'x', 'y', 'z'],
);

const last: fc.Arbitrary<readonly Words[]> = fc.constantFrom<readonly Words[]>(
  [],
  [],
  [['QUIT'], ['PING']],
  [BROKEN, ['PING']],
);

const one = (words: Words): readonly Words[] => [words];
const pipelines = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 8, arbitrary: ordinary.map(one) },
        { weight: 2, arbitrary: own.map(one) },
        { weight: 2, arbitrary: special.map(one) },
        { weight: 1, arbitrary: waits.map(one) },
        { weight: 2, arbitrary: transactions },
      ),
      { minLength: 1, maxLength: 40 },
    ),
    last,
  )
  .map(([middle, end]) => [...middle.flat(), ...end]);

/** Sent one at a time to a shard that answers at once, to a client that reads. */
function oneAtATime(pipeline: readonly Words[]): { reply: string; isOpen: boolean; reason: string | undefined } {
  const world = new World().open();
  const client = world.connect();
  let reply = '';
  for (const words of pipeline) {
    client.socket.deliver(encoded(words));
    world.turn(client);
    if (client.connection.isWaiting) world.pass(400);
    world.turn(client);
    reply += client.socket.text();
  }
  const { state, closeReason } = client.connection;
  world.end();
  return { reply, isOpen: state === 'open', reason: state === 'open' ? undefined : closeReason };
}

/** Steps of whatever may happen between two chunks, chosen by numbers. */
function disturb(world: World, client: Client, backend: LaterBackend, step: number): void {
  const { socket } = client;
  switch (step % 12) {
    case 0:
      socket.isSlow = true;
      break;
    case 1:
      socket.take(step * 100);
      break;
    case 2:
      socket.takeAll();
      break;
    case 3:
      backend.answer(step % Math.max(1, backend.owed.length));
      break;
    case 4:
      backend.answer(Math.max(0, backend.owed.length - 1));
      backend.answer(step % Math.max(1, backend.owed.length));
      break;
    case 5:
      world.core.clients.startPause(300, step % 2 === 0);
      break;
    case 6:
      world.core.clients.endPause();
      break;
    case 7:
      world.pass(100 * (1 + (step % 12)));
      break;
    case 8:
      socket.eagerChunks = step % 3;
      break;
    case 9:
      world.core.turns.endRound();
      break;
    default:
      world.gateway.answered();
  }
  socket.pump();
}

/** Until nothing changes any more: nobody paused or in debt, everything answered and read. */
function settle(world: World, client: Client, backend: LaterBackend): void {
  world.core.clients.endPause();
  world.tenant('default');
  world.pass(RATE_WAIT_MS_MAX + 100);
  const { socket, connection } = client;
  let quiet = 0;
  for (let round = 0; quiet < 3 && round < 1000; round++) {
    if (connection.isWaiting) world.pass(400);
    socket.takeAll();
    backend.answerAll();
    world.gateway.answered();
    world.core.turns.endRound();
    socket.pump();
    const isQuiet = backend.owed.length + socket.unreadChunks + connection.queryBytes + connection.waitingReplies === 0;
    quiet = isQuiet ? quiet + 1 : 0;
  }
}

function disturbed(
  pipeline: readonly Words[],
  cuts: readonly number[],
  steps: readonly number[],
  late: readonly boolean[],
): { reply: string; isOpen: boolean; reason: string | undefined; misuse: readonly string[] } {
  const backend = new LaterBackend();
  const world = new World(backend).open();
  world.tenant('default', { bytesInPerSecond: 50_000, bytesOutPerSecond: 200_000 });
  let turn = 0;
  backend.isLate = () => late[turn++ % late.length] ?? true;
  const client = world.connect();
  const bytes = Buffer.concat(pipeline.map(encoded));
  const places = Array.from(new Set(cuts.map((cut) => cut % (bytes.length + 1)))).sort((a, b) => a - b);
  let from = 0;
  for (const [index, to] of [...places, bytes.length].entries()) {
    if (to > from) client.socket.deliver(bytes.subarray(from, to));
    from = to;
    disturb(world, client, backend, steps[index % steps.length] ?? 0);
  }
  settle(world, client, backend);
  const { state, closeReason } = client.connection;
  const reply = client.socket.text();
  world.end();
  const isOpen = state === 'open';
  return { reply, isOpen, reason: isOpen ? undefined : closeReason, misuse: client.socket.misuse };
}

describe('replies', () => {
  it('are those of one command at a time, whatever comes late, cut, slow or paused', () => {
    fc.assert(
      fc.property(
        pipelines,
        fc.array(fc.nat(2_000_000), { maxLength: 30 }),
        fc.array(fc.nat(5000), { minLength: 1, maxLength: 30 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
        (pipeline, cuts, steps, late) => {
          expect(disturbed(pipeline, cuts, steps, late)).toEqual({ ...oneAtATime(pipeline), misuse: [] });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('are the same at every cut of a pipeline of binary words', () => {
    const nasty = '\0\r\n$3\r\n*1\xff';
    const pipeline: Words[] = [
      ['SET', nasty, '\r\n'],
      ['GET', nasty],
      ['CLIENT', 'REPLY', 'SKIP'],
      ['ECHO', nasty],
      ['HELLO', '3'],
      ['GET', 'nothing'],
      ['RESET'],
      ['GET', 'nothing'],
      ['QUIT'],
      ['PING'],
    ];
    const expected = { ...oneAtATime(pipeline), misuse: [] };
    const length = pipeline.reduce((sum, words) => sum + wire(...words).length, 0);
    for (let cut = 0; cut <= length; cut++) {
      expect(disturbed(pipeline, [cut], [3, 9], [true, false]), `cut at ${cut}`).toEqual(expected);
    }
    const everyByte = Array.from({ length }, (_, at) => at);
    expect(disturbed(pipeline, everyByte, [9, 4, 9, 3], [true])).toEqual(expected);
  });
});
