/** What the project wants of itself, beside what was measured. */
import type { Table } from './table.ts';

export interface Goal {
  readonly goal: string;
  /** The most that is good, or the least. */
  readonly target: number;
  readonly atLeast?: boolean;
  /** Still bearable, where it differs. */
  readonly acceptable?: number;
  readonly unit: string;
  readonly measured: number | undefined;
}

/** What a section of the bench has to say. */
export interface Section {
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
}

function verdict({ target, acceptable, atLeast, measured }: Goal): string {
  if (measured === undefined || Number.isNaN(measured)) return 'not measured';
  if (atLeast === true) return measured >= target ? 'yes' : 'no';
  if (measured <= target) return 'yes';
  return acceptable !== undefined && measured <= acceptable ? 'acceptable' : 'no';
}

export function goalsTable(goals: readonly Goal[]): Table {
  const rows = goals.map((goal) => {
    const { goal: name, target, acceptable, atLeast, unit, measured } = goal;
    const also = acceptable === undefined ? '' : ` (${acceptable} acceptable)`;
    const text = measured === undefined || Number.isNaN(measured) ? '–' : `${measured.toFixed(2)}${unit}`;
    return [name, `${atLeast === true ? '≥' : '≤'} ${target}${unit}${also}`, text, verdict(goal)];
  });
  const note = 'Ratios are us divided by the peer: below 1 we cost less, or serve less where ≥ is wanted.';
  return { title: 'Goals', note, head: ['goal', 'target', 'measured', 'met'], rows };
}
