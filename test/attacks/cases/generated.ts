/** A slice of the generated suite; `npm run attacks -- --generated 50000` is the whole of it. */
import { type AttackCase, attack } from '../case.ts';
import { generatedSuite } from '../generated/run.ts';
import type { World } from '../world.ts';

const CALLS = 6000;
const SEED = 20_061_209;

/** In a process of its own: what it tries may fill budgets that other cases count on. */
export async function generatedAlone(own: World, calls: number, seed: number): Promise<string> {
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
    ['key: *', 'channel: *', 'ceiling: *', 'unknown_command: unknown-command', 'failure: *'],
    async (world) => {
      await generatedAlone(await world.sibling({}), CALLS, SEED);
    },
  ),
];
