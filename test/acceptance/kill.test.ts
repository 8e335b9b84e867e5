/**
 * kill -9 at any moment, also while a dump or a new log is being written: after the restart everything is there that was
 * acknowledged. PORTCULLIS_KILL_CYCLES says how often for each way to sync; PORTCULLIS_SHARDS in how many shards.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { freePort } from '../support/ports.ts';
import { seed } from '../support/seed.ts';
import { JournalOfOne } from './support/kill-journal.ts';
import { Serve } from './support/serve.ts';
import { Wire } from './support/wire.ts';

const CYCLES = Number(process.env['PORTCULLIS_KILL_CYCLES'] ?? 3);
const SHARDS = process.env['PORTCULLIS_SHARDS'] ?? '1';
const CLIENTS = 6;
const LIFE_MS_MIN = 100;
const LIFE_MS_MAX = 1200;
const CYCLE_MS_MAX = 30_000;

const running: Serve[] = [];
afterEach(async () => {
  for (const serve of running.splice(0)) await serve.dispose();
});

async function started(appendfsync: string, before: Serve | undefined): Promise<Serve> {
  const serve = await Serve.start({
    flags: ['--trust-loopback', '--shards', SHARDS, '--appendfsync', appendfsync],
    plainPort: await freePort(),
    ...(before === undefined ? {} : { folder: before.folder }),
  });
  running.push(serve);
  return serve;
}

/** Asks for a dump or a new log now and then, until the connection ends. */
async function disturb(wire: Wire, prng: Prng): Promise<void> {
  while (!wire.isClosed) {
    await wire.ask(prng.below(2) === 0 ? 'BGSAVE' : 'BGREWRITEAOF').catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, prng.below(150)));
  }
}

async function killed(serve: Serve): Promise<void> {
  process.kill(serve.pid, 'SIGKILL');
  await serve.ended;
}

describe('kill -9 under load', () => {
  for (const appendfsync of ['always', 'everysec']) {
    it(`with appendfsync ${appendfsync} loses nothing that was acknowledged`, {
      timeout: (CYCLES + 2) * CYCLE_MS_MAX,
    }, async () => {
      const prng = new Prng(seed);
      const journals = Array.from({ length: CLIENTS }, (_, index) => new JournalOfOne(`client${index}`, prng));
      let wroteFor_ms = 0;
      let serve = await started(appendfsync, undefined);
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        const wires = await Promise.all(Array.from({ length: CLIENTS + 1 }, () => Wire.plain(serve.plainPort)));
        const [control, ...writers] = wires as [Wire, ...Wire[]];
        const life_ms = LIFE_MS_MIN + prng.below(LIFE_MS_MAX - LIFE_MS_MIN);
        const all = writers.map((wire, index) => journals[index]?.write(wire));
        const disturbed = prng.below(2) === 0 ? disturb(control, prng) : undefined;
        await new Promise((resolve) => setTimeout(resolve, life_ms));
        await killed(serve);
        wroteFor_ms += life_ms;
        await Promise.all([...all, disturbed]);
        serve = await started(appendfsync, serve);
        const checker = await Wire.plain(serve.plainPort);
        for (const journal of journals) {
          expect(await journal.faults(checker), `cycle ${cycle}\n${serve.stderr.slice(-2000)}`).toEqual([]);
          expect(journal.surprises, `cycle ${cycle}`).toEqual([]);
        }
        checker.close();
      }
      const acknowledged = journals.reduce((sum, journal) => sum + journal.acknowledged, 0);
      expect(acknowledged).toBeGreaterThan(0);
      if (CYCLES > 5) {
        const rate = Math.round((1000 * acknowledged) / wroteFor_ms);
        console.info(`${appendfsync}, ${SHARDS} shards: ${CYCLES} kills, ${acknowledged} acknowledged, ${rate}/s`);
      }
    });
  }
});
