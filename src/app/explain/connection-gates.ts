/** The gates a connection meets before it has said a word. */
import { oneLine } from '../../base/one-line.ts';
import { addressFinding, type GateStep, listed, pass, refuse, serverNameOf } from './gate.ts';

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
  {
    gate: 'server name',
    judge(asked) {
      const { policy, listener, serverName } = asked;
      const { names, unknownName } = policy.gateway.tls;
      const entry = serverNameOf(asked);
      if (entry === 'unknown') {
        const what = serverName === undefined ? 'it asks for no name' : `${oneLine(serverName)} is none of them`;
        return refuse('server_name_unknown', `only names that are listed are answered: ${what}`);
      }
      if (entry !== undefined) return pass(`${entry.name}, which shows ${entry.certificateFile}`);
      const isTold = listener === 'tls' && (serverName !== undefined || names.length > 0);
      return isTold ? pass(`no entry, and unknown_name is ${unknownName}: the listener's own certificate`) : undefined;
    },
  },
];
