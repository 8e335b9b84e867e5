/**
 * PORTCULLIS_DIFFERENTIAL_COUNT commands (default 50,000) drawn from the seed of all tests (PORTCULLIS_SEED) on redis-server
 * and on us, in process, or on a started portcullis (`--trust-loopback`) whose plain port PORTCULLIS_TEST_PORT
 * names; PORTCULLIS_TEST_SHARDS says of how many shards, as several take no command across slots. With
 * PORTCULLIS_DIFFERENTIAL_GROUPS=set,generic only commands of these groups are drawn,
 * without those that PORTCULLIS_DIFFERENTIAL_WITHOUT names.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { seed } from '../support/seed.ts';
import { comparable, REFERENCE_FLAGS } from './comparable.ts';
import { Generator } from './generate.ts';
import { type Report, Runner } from './runner.ts';
import { HarnessSystem, SocketSystem, type System } from './systems.ts';

function listed(name: string): string[] {
  return (process.env[name] ?? '').split(',').filter((word) => word !== '');
}

const count = Number(process.env['PORTCULLIS_DIFFERENTIAL_COUNT'] ?? 50_000);
const shards = Number(process.env['PORTCULLIS_TEST_SHARDS'] ?? 1);
/** Groups of commands to keep to, as COMMAND DOCS names them; all of them by default. */
const groups = listed('PORTCULLIS_DIFFERENTIAL_GROUPS');
const without = listed('PORTCULLIS_DIFFERENTIAL_WITHOUT');
const port = process.env['PORTCULLIS_TEST_PORT'];
const hint = redisServerInstalled ? '' : ' (skipped: redis-server is not installed)';
/** Keys end only when somebody looks, on both sides. */
const QUIET: readonly string[] = ['DEBUG', 'SET-ACTIVE-EXPIRE', '0'];

function tell(report: Report): void {
  const explained = [...report.explained].map(([reason, times]) => `  ${times} times: ${reason}`);
  const names = [...report.perCommand.keys()].length;
  console.log([`${report.commands} commands of ${names} names, seed ${seed}`, ...explained].join('\n'));
}

describe.skipIf(!redisServerInstalled)(`generated commands, seed ${seed}${hint}`, () => {
  let server: RedisServer;
  let reference: System;
  let ours: System;

  beforeAll(async () => {
    server = await RedisServer.start(...REFERENCE_FLAGS);
    reference = await SocketSystem.connect(server.port);
    await reference.run(2, [QUIET]);
    ours = port === undefined ? new HarnessSystem(true) : await SocketSystem.connect(Number(port));
  });

  afterAll(() => {
    reference?.close();
    ours?.close();
    server?.stop();
  });

  it('are answered as redis-server answers them', { timeout: 1_800_000 }, async () => {
    const prng = new Prng(seed);
    const declared = comparable.filter(
      ({ name, group }) => !without.includes(name) && (groups.length === 0 || groups.includes(group)),
    );
    const runner = new Runner(reference, ours, new Generator(declared, prng, Date.now, shards > 1), prng);
    const report = await runner.run(count);
    tell(report);
    expect(report.failure).toBeUndefined();
    expect(report.commands).toBeGreaterThanOrEqual(count);
  });
});
