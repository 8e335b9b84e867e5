/**
 * The generated suite: thousands of requests that nobody chose, by users who were carelessly granted `+@all`, at what is not
 * theirs: another tenant's, and within their tenant whatever their patterns leave out. Afterwards the victim's data must
 * be what they were, no reply may hold a word that only the victim's values have, and no message may have arrived.
 */
import { createHash } from 'node:crypto';
import { Prng } from '../../../src/base/prng.ts';
import { same } from '../case.ts';
import { encode, type Wire } from '../wire.ts';
import type { World } from '../world.ts';
import { type Names, Walk } from './walk.ts';

/** Only in values of the victim, and never said by the actor. */
const HIDDEN = 'hidden9e2b';
const BATCH = 64;
const BATCHES_PER_PLANTING = 8;
const DATABASES = [0, 1, 15];
const KEYS = ['string', 'list', 'set', 'hash', 'zset', 'stream'] as const;

interface Contest {
  readonly what: string;
  readonly actor: string;
  /** Who has what the actor must not reach. */
  readonly victim: string;
  readonly names: Names;
  /** Which of the victim's keys are looked at. */
  readonly looksAt: string;
  /** Commands that are about the whole key space, which patterns say nothing of. */
  readonly skipped: (name: string) => boolean;
}

/**
 * What patterns say nothing of, as in Redis: commands about the whole key space, and to which connection of the tenant
 * invalidations are redirected.
 */
const WHOLE = /^(?:flushall|flushdb|swapdb|client\|tracking)$/;

const CONTESTS: readonly Contest[] = [
  {
    what: 'across tenants',
    actor: 't1w',
    victim: 't2',
    names: {
      own: 'own:{k}',
      foreign: 'shared:{k}',
      patterns: ['*', 'shared:*', '?*'],
      channels: ['shared', '*', 'sh*', 'own'],
    },
    looksAt: '*',
    skipped: () => false,
  },
  {
    what: 'across patterns',
    actor: 't1x',
    victim: 't1w',
    names: {
      own: 't1:{k}',
      foreign: 'other:{k}',
      patterns: ['*', 'other:*', 't1:*'],
      channels: ['other', '*', 'oth*', 't1:c'],
    },
    looksAt: 'other:*',
    skipped: (name) => WHOLE.test(name),
  },
];

function planting(prefix: string, word: string): string[][] {
  const [string, list, set, hash, zset, stream] = KEYS.map((type) => prefix + type) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return [
    ['DEL', string, list, set, hash, zset, stream],
    ['SET', string, word],
    ['RPUSH', list, 'a', word, 'b'],
    ['SADD', set, 'a', word, 'b'],
    ['HSET', hash, 'a', word, 'b', '2', 'n', '5'],
    ['ZADD', zset, '1', 'a', '2', word, '3', 'b'],
    ['XADD', stream, '1-1', 'f', word],
    ['XGROUP', 'CREATE', stream, 'group', '0'],
  ];
}

async function send(wire: Wire, requests: readonly (readonly string[])[]): Promise<string[]> {
  wire.send(requests.map((words) => encode(...words)).join(''));
  return wire.collect(requests.length);
}

async function plant(wire: Wire, prefix: string, word: string): Promise<void> {
  for (const database of DATABASES) await send(wire, [['SELECT', String(database)], ...planting(prefix, word)]);
  await wire.ask('SELECT', '0');
}

/** Of all values of the victim, byte for byte, and of when they end. */
async function digest(wire: Wire, pattern: string): Promise<string> {
  const hash = createHash('sha256');
  for (const database of DATABASES) {
    await wire.ask('SELECT', String(database));
    const keys = (await wire.ask('KEYS', pattern)).split('\r\n').filter((_, i) => i > 0 && i % 2 === 0);
    const mine = keys.filter((key) => !key.startsWith('canary:') && key !== '').toSorted();
    hash.update(`${database} ${mine.length} `);
    for (const key of mine)
      hash.update(
        (
          await send(wire, [
            ['DUMP', key],
            ['PEXPIRETIME', key],
          ])
        ).join(''),
      );
  }
  await wire.ask('SELECT', '0');
  return hash.digest('hex');
}

/** What brings a connection back to where the next batch expects it, whatever the last one did. */
const BACK = [['DISCARD'], ['UNSUBSCRIBE'], ['PUNSUBSCRIBE'], ['SUNSUBSCRIBE'], ['UNWATCH'], ['SELECT', '0']];

interface Outcome {
  readonly calls: number;
  readonly replies: number;
  readonly commands: number;
  readonly refused: number;
  readonly wrong: number;
  readonly connections: number;
}

class Actor {
  refused = 0;
  wrong = 0;
  replies = 0;
  connections = 0;
  private wire: Wire | undefined;
  private readonly world: World;
  private readonly user: string;

  constructor(world: World, user: string) {
    this.world = world;
    this.user = user;
  }

  private async connected(): Promise<Wire> {
    if (this.wire !== undefined && !this.wire.closed) return this.wire;
    this.connections++;
    this.wire = await this.world.as(this.user);
    return this.wire;
  }

  async prepare(prefix: string): Promise<void> {
    await plant(await this.connected(), prefix, 'own');
  }

  /** Runs a batch; every reply is looked at, however many there are to a request. */
  async run(requests: readonly (readonly string[])[], marker: string): Promise<void> {
    const wire = await this.connected();
    const end = `$${marker.length}\r\n${marker}\r\n`;
    wire.send([...requests, ...BACK, ['ECHO', marker]].map((words) => encode(...words)).join(''));
    for (;;) {
      const reply = await wire.reply();
      if (reply === end) return;
      if (reply === '(closed)') return;
      if (reply === '(nothing)') throw new Error(`no more replies to ${JSON.stringify(requests)}`);
      this.replies++;
      if (reply.includes(HIDDEN))
        throw new Error(`a value of the victim in ${JSON.stringify(reply)}, of ${JSON.stringify(requests)}`);
      if (reply.startsWith('-NOPERM')) this.refused++;
      else if (reply.startsWith('-')) this.wrong++;
    }
  }

  close(): void {
    this.wire?.close();
  }
}

async function contest(
  world: World,
  { what, actor: user, victim, names, looksAt, skipped }: Contest,
  calls: number,
  seed: number,
): Promise<Outcome> {
  const owner = await world.as(victim);
  const listener = await world.as(victim);
  const walk = new Walk(new Prng(seed), names, skipped);
  await plant(owner, names.foreign, HIDDEN);
  // Within a tenant CLIENT LIST tells of all its connections.
  if (looksAt === '*') await owner.ask('CLIENT', 'SETNAME', `${HIDDEN}-owner`);
  const foreignChannel = names.channels[0] ?? '';
  await listener.ask('SUBSCRIBE', foreignChannel);
  await listener.ask('PSUBSCRIBE', `${foreignChannel}*`);
  const before = await digest(owner, looksAt);
  const actor = new Actor(world, user);
  for (let batch = 0; batch * BATCH < calls; batch++) {
    if (batch % BATCHES_PER_PLANTING === 0) await actor.prepare(names.own);
    const requests = Array.from({ length: Math.min(BATCH, calls - batch * BATCH) }, () => walk.next());
    await actor.run(requests, `marker-${batch}`);
    // A look in between, so that what did it is one of few.
    if (batch % 64 === 63)
      same(
        await digest(owner, looksAt),
        before,
        `${what}: the data of ${victim} behind batch ${batch} of seed ${seed}`,
      );
  }
  same(await digest(owner, looksAt), before, `${what}: the data of ${victim}, seed ${seed}`);
  same(listener.replies.join(' '), '', `${what}: messages to ${victim}`);
  same(world.alive, true, 'the process is alive');
  actor.close();
  listener.close();
  await send(owner, [['DEL', ...KEYS.map((type) => names.foreign + type)]]);
  owner.close();
  const { replies, refused, wrong, connections } = actor;
  return { calls, replies, commands: walk.commands.length, refused, wrong, connections };
}

/** Half of the calls for each contest. Ends with an error at the first touch. */
export async function generatedSuite(world: World, calls: number, seed: number): Promise<string> {
  const lines: string[] = [];
  for (const each of CONTESTS) {
    const {
      replies,
      commands,
      refused,
      wrong,
      connections,
      calls: made,
    } = await contest(world, each, Math.ceil(calls / CONTESTS.length), seed);
    lines.push(
      `${each.what}: ${made} calls of ${commands} commands, ${replies} replies, ${refused} NOPERM, ${wrong} other errors, ${connections} connections`,
    );
  }
  same(await world.figure('bugs'), 0, 'bugs that were caught');
  return `${lines.join('; ')}; 0 touches (seed ${seed})`;
}
