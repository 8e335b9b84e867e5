/** Logs between redis-server 7.0 and us: each loads what the other wrote, and agrees about every key. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import type { Declaration } from '../../src/command/spec.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { parseReply } from '../../src/resp/reply-reader.ts';
import { DATABASES, Generator } from '../differential/generate.ts';
import { DurableWorld, FOLDER } from '../support/durable-world.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { FakeClock } from '../support/harness.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';
import { seed } from '../support/seed.ts';
import { differencesOf, stateOf } from '../support/state.ts';
import { stateBehind } from '../support/state-behind.ts';
import type { Words } from '../support/words.ts';

const COMMANDS = process.env['PORTCULLIS_LONG'] === '1' ? 100_000 : 6000;
const LOG_FOLDER = 'appendonlydir';
/** Keys that live no longer than this go before states are compared, and those whose time is no safe integer here. */
const SOON_MS = 600_000;

function textsOf(reply: Uint8Array): string[] {
  const parsed = parseReply(reply)?.value;
  return parsed?.kind === 'array' ? parsed.items.map((item) => (item.kind === 'bulk' ? latin1(item.bytes) : '')) : [];
}

function isBlocking(declaration: Declaration): boolean {
  return declaration.kind !== 'container' && declaration.flags.includes('blocking');
}

describe.skipIf(!redisServerInstalled)('with redis-server (skipped where it is not installed)', () => {
  let root: string;
  let known: Declaration[];

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'portcullis-aof-'));
    const server = await RedisServer.start();
    const client = await RespClient.connect(server.port);
    const [list] = await client.pipeline([['COMMAND', 'LIST']]);
    const names = new Set(textsOf(list as Uint8Array).map((name) => name.toUpperCase()));
    client.close();
    server.stop();
    const unfit = new Set(['DEBUG', 'PFSELFTEST', 'PFDEBUG']);
    known = shardDeclarations.filter((one) => names.has(one.name) && !unfit.has(one.name) && !isBlocking(one));
  });

  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });

  it('our log is loaded there, and redis-check-aof finds nothing', { timeout: 600_000 }, async () => {
    const clock = new FakeClock(Date.now());
    const disk = new FakeDisk();
    const world = await DurableWorld.open({ disk, clock });
    const prng = new Prng(seed);
    const generator = new Generator(known, prng, () => clock.now);
    let database = 0;
    const command = () => {
      const words = generator.next();
      if (words[0] === 'SELECT') database = Number(words[1]);
      else world.run(0, database, words);
    };
    for (let i = 0; i < COMMANDS; i++) {
      if (prng.below(10) > 0) command();
      else {
        world.group(() => {
          for (let left = prng.below(5); left >= 0; left--) command();
        });
      }
      if (prng.below(4) > 0) continue;
      world.endTurn();
      await world.breathe();
      if (i % 2000 === 1999) world.store.rewrite(() => {});
      world.store.slice(0);
    }
    for (let number = 0; number < DATABASES; number++) dropSoonEnding(world, number, clock.now);
    world.endTurn();
    await world.finish();
    const folder = join(root, 'ours');
    mkdirSync(join(folder, LOG_FOLDER), { recursive: true });
    const entries = disk.list(`${FOLDER}/${LOG_FOLDER}`);
    for (const { name } of entries.ok ? entries.value : []) {
      writeFileSync(join(folder, LOG_FOLDER, name), disk.bytesOf(`${FOLDER}/${LOG_FOLDER}/${name}`) as Uint8Array);
    }
    const checked = spawnSync('redis-check-aof', [join(folder, LOG_FOLDER, 'appendonly.aof.manifest')]);
    expect(checked.status, checked.stdout.toString()).toBe(0);
    const server = await RedisServer.start('--dir', folder, '--appendonly', 'yes');
    const client = await RespClient.connect(server.port);
    const there = await stateBehind(client, DATABASES);
    client.close();
    server.stop();
    world.session.tenantNumber = 0;
    const here = stateOf((words) => world.session.run(words), DATABASES);
    expect(here.length).toBeGreaterThan(10);
    expect(differencesOf(there, here)).toEqual([]);
  });

  it('its log is loaded here', { timeout: 600_000 }, async () => {
    const folder = join(root, 'theirs');
    mkdirSync(folder);
    const server = await RedisServer.start('--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always');
    const client = await RespClient.connect(server.port);
    const prng = new Prng(seed + 1);
    const generator = new Generator(known, prng, () => Date.now());
    for (let done = 0; done < COMMANDS; done += 500) {
      const batch: Words[] = [];
      for (let i = 0; i < 500; i++) {
        if (prng.below(20) > 0) batch.push(generator.next());
        else batch.push(['MULTI'], generator.next(), generator.next(), ['EXEC']);
      }
      await client.pipeline(batch);
      if (done % 2000 === 1500) await client.pipeline([['BGREWRITEAOF']]);
    }
    for (let number = 0; number < DATABASES; number++) {
      const [, keys] = await client.pipeline([
        ['SELECT', `${number}`],
        ['KEYS', '*'],
      ]);
      for (const key of textsOf(keys as Uint8Array)) {
        const [time] = await client.pipeline([['PEXPIRETIME', key]]);
        if (isSoon(time as Uint8Array, Date.now())) await client.pipeline([['DEL', key]]);
      }
    }
    const there = await stateBehind(client, DATABASES);
    client.close();
    server.stop();
    const disk = new FakeDisk();
    for (const name of readdirSync(join(folder, LOG_FOLDER))) {
      disk.put(`${FOLDER}/${LOG_FOLDER}/${name}`, readFileSync(join(folder, LOG_FOLDER, name)));
    }
    const world = await DurableWorld.open({ disk, clock: new FakeClock(Date.now()) });
    expect(world.lines).toEqual([]);
    const here = stateOf((words) => world.session.run(words), DATABASES);
    expect(here.length).toBeGreaterThan(10);
    expect(differencesOf(here, there)).toEqual([]);
    // And goes on in it.
    world.run(0, 0, ['SET', 'ours', 'yes']);
    world.endTurn();
    expect((await world.killed()).run(0, 0, ['GET', 'ours'])).toBe('$3\r\nyes\r\n');
  });
});

function isSoon(reply: Uint8Array, now_ms: number): boolean {
  const time_ms = Number(latin1(reply).slice(1).trim());
  return time_ms >= 0 && (time_ms < now_ms + SOON_MS || time_ms > Number.MAX_SAFE_INTEGER);
}

function dropSoonEnding(world: DurableWorld, database: number, now_ms: number): void {
  const { session } = world;
  session.tenantNumber = 0;
  session.databaseNumber = database;
  for (const key of textsOf(session.run(['KEYS', '*']))) {
    if (isSoon(session.run(['PEXPIRETIME', key]), now_ms)) session.run(['DEL', key]);
  }
}
