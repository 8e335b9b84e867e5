/**
 * rate-limiter-flexible over TLS. What it does without Lua works: RateLimiterRedisNonAtomic whole, and RateLimiterRedis for
 * limits without a window (`duration: 0`), for blocking, reading and forgetting. A window of RateLimiterRedis or
 * RateLimiterValkey is a script: refused at once, so the limiter's insurance takes over.
 */
import { Redis } from 'ioredis';
import { Redis as IoValkey } from 'iovalkey';
import {
  BurstyRateLimiter,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRedisNonAtomic,
  type RateLimiterRes,
  RateLimiterUnion,
  RateLimiterValkey,
} from 'rate-limiter-flexible';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { login, nodeRedisLogin } from '../support/clients.ts';
import { Serve } from '../support/serve.ts';

let serve: Serve;
let ioredis: Redis;
let nodeRedis: ReturnType<typeof createClient>;
beforeAll(async () => {
  serve = await Serve.start();
  ioredis = new Redis(login(serve));
  nodeRedis = createClient(nodeRedisLogin(serve)) as ReturnType<typeof createClient>;
  await nodeRedis.connect();
});
afterAll(async () => {
  ioredis.disconnect();
  nodeRedis.destroy();
  await serve.dispose();
});

/** What a limiter answers when it says no: not an error. */
async function refusalOf(consuming: Promise<RateLimiterRes>): Promise<RateLimiterRes> {
  return consuming.then(
    () => expect.fail('it was let through'),
    (refused: RateLimiterRes) => {
      if (refused instanceof Error) throw refused;
      return refused;
    },
  );
}

describe.each(['ioredis', 'node-redis'] as const)('through %s', (library) => {
  const store = () =>
    library === 'ioredis' ? { storeClient: ioredis } : { storeClient: nodeRedis, useRedisPackage: true };

  it('a limit with a window lets so many through, then none, and tells how long', async () => {
    const limiter = new RateLimiterRedisNonAtomic({
      ...store(),
      keyPrefix: `window-${library}`,
      points: 3,
      duration: 100,
    });
    expect((await limiter.consume('caller')).remainingPoints).toBe(2);
    expect((await limiter.consume('caller', 2)).remainingPoints).toBe(0);
    const refused = await refusalOf(limiter.consume('caller'));
    expect(refused.consumedPoints).toBe(4);
    expect(refused.msBeforeNext).toBeGreaterThan(90_000);
    expect(refused.msBeforeNext).toBeLessThanOrEqual(100_000);
    expect((await limiter.consume('another')).remainingPoints).toBe(2);
    expect((await limiter.get('caller'))?.consumedPoints).toBe(4);
    expect((await limiter.reward('caller', 2)).consumedPoints).toBe(2);
    expect(await limiter.delete('caller')).toBe(true);
    expect(await limiter.get('caller')).toBeNull();
  });

  it('blocks who is over for a time, and a penalty counts', async () => {
    const limiter = new RateLimiterRedisNonAtomic({
      ...store(),
      keyPrefix: `blocking-${library}`,
      points: 1,
      duration: 10,
      blockDuration: 500,
    });
    await limiter.consume('caller');
    expect((await refusalOf(limiter.consume('caller'))).msBeforeNext).toBeGreaterThan(400_000);
    expect((await limiter.penalty('other')).consumedPoints).toBe(1);
    await limiter.block('other', 50);
    expect((await refusalOf(limiter.consume('other'))).msBeforeNext).toBeGreaterThan(40_000);
  });

  it('RateLimiterRedis without a window counts exactly, however many call at once', async () => {
    const limiter = new RateLimiterRedis({ ...store(), keyPrefix: `forever-${library}`, points: 10, duration: 0 });
    const calls = await Promise.allSettled(Array.from({ length: 40 }, () => limiter.consume('caller')));
    expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect((await limiter.get('caller'))?.consumedPoints).toBe(40);
    await limiter.set('caller', 3, 100);
    expect((await limiter.get('caller'))?.remainingPoints).toBe(7);
  });

  it('a window of RateLimiterRedis needs a script: an error at once, and the insurance counts instead', async () => {
    const options = { ...store(), keyPrefix: `script-${library}`, points: 2, duration: 10 };
    await expect(new RateLimiterRedis(options).consume('caller')).rejects.toThrow(/unknown command 'EVAL/i);
    const insured = new RateLimiterRedis({
      ...options,
      insuranceLimiter: new RateLimiterMemory({ points: 2, duration: 10 }),
    });
    expect((await insured.consume('caller')).remainingPoints).toBe(1);
    await insured.consume('caller');
    await refusalOf(insured.consume('caller'));
  });
});

it('a burst and a union of limiters', async () => {
  const limiter = (keyPrefix: string, points: number) =>
    new RateLimiterRedisNonAtomic({ storeClient: ioredis, keyPrefix, points, duration: 100 });
  const bursty = new BurstyRateLimiter(limiter('slow', 1), limiter('burst', 1));
  await bursty.consume('caller');
  await bursty.consume('caller');
  await expect(bursty.consume('caller')).rejects.toMatchObject({ remainingPoints: 0 });
  const both = new RateLimiterUnion(limiter('narrow', 1), limiter('wide', 5));
  await both.consume('caller');
  await expect(both.consume('caller')).rejects.toMatchObject({ narrow: { consumedPoints: 2 } });
});

it('RateLimiterValkey through iovalkey: without a window it counts, with one it needs a script', async () => {
  const storeClient = new IoValkey(login(serve));
  const counting = new RateLimiterValkey({ storeClient, keyPrefix: 'valkey', points: 1, duration: 0 });
  expect((await counting.consume('caller')).remainingPoints).toBe(0);
  await refusalOf(counting.consume('caller'));
  const windowed = new RateLimiterValkey({ storeClient, keyPrefix: 'valkey-window', points: 1, duration: 10 });
  await expect(windowed.consume('caller')).rejects.toThrow(/unknown command 'EVAL/i);
  storeClient.disconnect();
});
