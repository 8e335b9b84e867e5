/** The gates a connection meets before it has said a word. */
import { addressFinding, type GateStep, listed, pass, refuse } from './gate.ts';

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
    gate: 'PROXY header',
    judge({ policy, listener, address }) {
      const { proxies } = policy.gateway[listener];
      return proxies === undefined ? undefined : pass(`${address} as said by a balancer in ${listed(proxies.rules)}`);
    },
  },
  {
    gate: 'listener addresses',
    judge: (asked) => addressFinding(asked.policy.gateway[asked.listener].addresses, asked),
  },
];
