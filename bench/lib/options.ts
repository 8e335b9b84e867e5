/** What the bench is asked for. */
import { parseArgs } from 'node:util';

const SECTIONS = [
  'cpu',
  'types',
  'timing',
  'latency',
  'fairness',
  'chain',
  'handshakes',
  'transactions',
  'blocking',
  'pubsub',
  'tracking',
  'memory',
  'loop',
  'collections',
  'idle',
  'durability',
] as const;
export type SectionName = (typeof SECTIONS)[number];

export interface Options {
  readonly sections: ReadonlySet<SectionName>;
  readonly rounds: number;
  readonly quick: boolean;
  readonly node: string | undefined;
  readonly save: boolean;
  readonly profile: boolean;
}

export const HELP = `Us and the peers that are installed, side by side.

  npm run bench -- [FLAGS]

  --only ${SECTIONS.join(',')}  these sections alone
  --rounds N           rounds, of which the median counts (3)
  --quick              smaller counts: a look, not a figure to quote
  --node FILE          measures us on this Node besides (24 or later)
  --save               writes docs/performance.md
  --profile            CPU profile of us on Bun, in a folder that is named at the end
`;

/** Throws with one line that says what is wrong. */
export function parseOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      quick: { type: 'boolean', default: false },
      node: { type: 'string' },
      save: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) throw new Error('--rounds takes 1 to 100');
  const sections = new Set(values.only === undefined ? SECTIONS : values.only.split(',').map(sectionOf));
  const { quick, node, save, profile } = values;
  return { sections, rounds, quick, node, save, profile };
}

function sectionOf(name: string): SectionName {
  const found = SECTIONS.find((section) => section === name);
  if (found === undefined) throw new Error(`--only takes ${SECTIONS.join(', ')}, not '${name}'`);
  return found;
}
