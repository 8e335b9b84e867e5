/** The gates a connection meets before it has said a word. */
import { addressFinding, type GateStep, pass, refuse } from './gate.ts';

export const CONNECTION_GATES: readonly GateStep[] = [
  {
    gate: 'listener',
    judge({ policy, listener }) {
      const { bind, port } = policy.gateway[listener];
      if (port === 0) return refuse('no_listener', `there is no ${listener} listener`);
      return pass(`${listener} on ${bind}:${port}`);
    },
  },
  {
    gate: 'listener addresses',
    judge: (asked) => addressFinding(asked.policy.gateway[asked.listener].addresses, asked),
  },
];
