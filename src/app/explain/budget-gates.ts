/** What is left depends on the moment: here is what it is measured against. */
import { type Asked, depends, type Finding, type GateStep, userBudgetOf } from './gate.ts';

function perSecond(code: string, most: number | undefined): Finding | undefined {
  if (most === undefined || most === 0) return undefined;
  return depends(code, `up to ${most} per second, then slowed down`);
}

function memoryFinding({ terms }: Asked): Finding | undefined {
  if (terms === undefined || terms.budget.memoryBytes === 0) return undefined;
  const { memoryBytes, policy } = terms.budget;
  return depends('budget_memory', `up to ${memoryBytes} bytes, then ${policy}`);
}

export const BUDGET_GATES: readonly GateStep[] = [
  { gate: 'bytes in', judge: ({ terms }) => perSecond('budget_bytes_in', terms?.budget.bytesInPerSecond) },
  { gate: 'bytes out', judge: ({ terms }) => perSecond('budget_bytes_out', terms?.budget.bytesOutPerSecond) },
  {
    gate: 'bytes of the user',
    judge(asked) {
      const { bytesInPerSecond = 0, bytesOutPerSecond = 0 } = userBudgetOf(asked) ?? {};
      if (bytesInPerSecond + bytesOutPerSecond === 0) return undefined;
      const shown = [bytesInPerSecond, bytesOutPerSecond].map((most) => (most === 0 ? 'any number' : `up to ${most}`));
      return depends('user_bytes', `${shown[0]} in and ${shown[1]} out per second, then slowed down`);
    },
  },
  { gate: 'memory', judge: memoryFinding },
  {
    gate: 'largest reply',
    judge({ terms }) {
      const most = terms?.budget.largestReplyBytes ?? 0;
      return most === 0 ? undefined : depends('budget_reply', `up to ${most} bytes`);
    },
  },
];
