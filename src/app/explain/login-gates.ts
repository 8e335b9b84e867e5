/** The gates of a login: who it is, and whether they may come in from there. On the wire a refusal does not tell which. */
import { isOfName } from '../../gateway/server-names.ts';
import { TokenUsers } from '../../gateway/token-users.ts';
import { SYSTEM_TENANT } from '../../tenancy/tenant.ts';
import { addressFinding, depends, type GateStep, pass, refuse, serverNameOf, userBudgetOf } from './gate.ts';

export const LOGIN_GATES: readonly GateStep[] = [
  {
    gate: 'user',
    judge({ user, known, terms }) {
      if (known === undefined || terms === undefined) return refuse('unknown_user', `no user is called ${user}`);
      if (!known.enabled) return refuse('user_off', `${user} is off`);
      return pass('on');
    },
  },
  {
    gate: 'certificate',
    judge({ user, policy, written, token }) {
      const { mode, passwordAllowed } = policy.gateway.tls.clientCertificates;
      const certificate = written?.certificate;
      if (certificate === undefined || passwordAllowed) return undefined;
      if (token !== undefined)
        return refuse('certificate_only', `${user} comes with a certificate, and with nothing else`);
      if (mode === 'none') {
        return refuse('no_certificates', `${user} needs a certificate, and the listener asks for none`);
      }
      return pass(`as who shows the certificate ${certificate}`);
    },
  },
  {
    gate: 'password',
    judge({ user, known, policy, written, token }) {
      const { passwordAllowed } = policy.gateway.tls.clientCertificates;
      if (token !== undefined || (written?.certificate !== undefined && !passwordAllowed)) return undefined;
      if (written?.tokens === 'only') return refuse('token_only', `${user} comes with a token, and no password counts`);
      if (known?.nopass === true) return pass('needs none', 'no_password_needed');
      const doors = (known?.passwordHashes.length ?? 0) + (written?.slowHashes.length ?? 0);
      if (doors === 0) return refuse('no_password', `${user} has no password, so nobody can log in`);
      return pass(`one of ${doors} password${doors === 1 ? '' : 's'}`);
    },
  },
  {
    gate: 'tenant',
    judge({ terms }) {
      if (terms === undefined) return undefined;
      if (terms.suspended) return refuse('tenant_suspended', `${terms.name} is suspended`);
      return pass(terms.name);
    },
  },
  {
    gate: 'tenant of the server name',
    judge(asked) {
      const entry = serverNameOf(asked);
      const only = entry === 'unknown' ? undefined : entry?.tenantName;
      if (only === undefined || asked.terms === undefined) return undefined;
      const { name } = asked.terms;
      if (!isOfName(only, name))
        return refuse('server_name_tenant', `only users of ${only} may log in under this name`);
      return pass(`${name}, whose name it is`);
    },
  },
  {
    gate: 'admin addresses',
    judge(asked) {
      const { policy, terms } = asked;
      return terms?.name === SYSTEM_TENANT ? addressFinding(policy.gateway.adminAddresses, asked) : undefined;
    },
  },
  { gate: 'tenant addresses', judge: (asked) => addressFinding(asked.terms?.addresses, asked) },
  {
    gate: 'user addresses',
    judge(asked) {
      const ofRole = asked.token === undefined ? undefined : TokenUsers.addressesOf(asked.token);
      return addressFinding(asked.written?.addresses ?? ofRole, asked);
    },
  },
  {
    gate: 'connections',
    judge({ terms }) {
      const most = terms?.budget.connections ?? 0;
      return most === 0 ? undefined : depends('budget_connections', `up to ${most} at a time`);
    },
  },
  {
    gate: 'connections of the user',
    judge(asked) {
      const most = userBudgetOf(asked)?.connections ?? 0;
      return most === 0 ? undefined : depends('user_connections', `up to ${most} at a time`);
    },
  },
];
