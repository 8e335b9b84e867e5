/**
 * Scenarios of several connections on redis-server and on a started portcullis: PORTCULLIS_SESSION_STEPS steps (default
 * 12,000) drawn from the seed of all tests (PORTCULLIS_SEED). PORTCULLIS_TEST_PORT names the plain port of one that runs
 * already with `--trust-loopback`; otherwise one is started, of as many shards as PORTCULLIS_SHARDS says.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import { Serve } from '../acceptance/support/serve.ts';
import { freePort } from '../support/ports.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';
import { seed } from '../support/seed.ts';
import { ApplicationsScenario } from './applications.ts';
import { PubSubScenario } from './pubsub.ts';
import { type Scenario, Stage } from './sessions.ts';

const steps = Number(process.env['PORTCULLIS_SESSION_STEPS'] ?? 12_000);
const given = process.env['PORTCULLIS_TEST_PORT'];
const hint = redisServerInstalled ? '' : ' (skipped: redis-server is not installed)';

const scenarios: Readonly<Record<string, (prng: Prng) => Scenario>> = {
  'pub/sub': (prng) => new PubSubScenario(prng),
  'transactions, waits and caches': (prng) =>
    new ApplicationsScenario(prng, Number(process.env['PORTCULLIS_SHARDS'] ?? 1) > 1),
};

describe.skipIf(!redisServerInstalled)(`several connections, seed ${seed}${hint}`, () => {
  let server: RedisServer;
  let serve: Serve | undefined;
  let port: number;

  beforeAll(async () => {
    server = await RedisServer.start();
    if (given === undefined) {
      serve = await Serve.start({ plainPort: await freePort(), flags: ['--trust-loopback'] });
      port = serve.plainPort;
    } else {
      port = Number(given);
    }
    // As redis-server does: a step runs in one go, also on a machine where others take the processor away for a while.
    const operator = await RespClient.connect(port);
    expect(latin1(await operator.send('CONFIG', 'SET', 'tenant-turn-ms', '0'))).toBe('+OK\r\n');
    operator.close();
  });

  afterAll(async () => {
    server?.stop();
    await serve?.dispose();
  });

  for (const [name, scenario] of Object.entries(scenarios)) {
    it(`receive what they receive from redis-server: ${name}`, { timeout: 1_800_000 }, async () => {
      const stage = await Stage.open(scenario(new Prng(seed)), { theirs: server.port, ours: port });
      const played = await stage.play(steps);
      stage.close();
      expect(played.failure).toBeUndefined();
      console.log(
        `${name}: ${played.steps} steps, ${played.received} replies and messages, ${played.closings} closings`,
      );
      expect(played.steps).toBe(steps);
      expect(played.received).toBeGreaterThan(steps);
    });
  }
});
