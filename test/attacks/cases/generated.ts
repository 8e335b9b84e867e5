/** A slice of the generated suite; `npm run attacks -- --generated 50000` is the whole of it. */
import { type AttackCase, attack } from '../case.ts';
import { generatedSuite } from '../generated/run.ts';
import { World } from '../world.ts';

const CALLS = 6000;
const SEED = 20_061_209;

/** In a process of its own: what it tries may fill budgets that other cases count on. */
export async function generatedAlone(
  { runtime, shards, timed }: World['options'],
  calls: number,
  seed: number,
): Promise<string> {
  const own = await World.start({ runtime, shards, timed });
  try {
    return await generatedSuite(own, calls, seed);
  } finally {
    await own.stop();
  }
}

export const generatedCases: readonly AttackCase[] = [
  attack(
    'N218',
    'commands, key positions and options that nobody chose reach nothing of another tenant',
    async (world) => {
      await generatedAlone(world.options, CALLS, SEED);
    },
  ),
];
