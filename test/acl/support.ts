/** The whole command table over an ACL of its own, and sessions that only have an identity. */
import type { AclAdmin } from '../../src/acl/admin.ts';
import { AclLog } from '../../src/acl/log.ts';
import { AclRegistry } from '../../src/acl/registry.ts';
import { Roster } from '../../src/acl/roster.ts';
import { applyRules, newUser } from '../../src/acl/rules.ts';
import type { User } from '../../src/acl/user.ts';
import { buildTable } from '../../src/app/table.ts';
import { latin1 } from '../../src/base/bytes.ts';
import { failure } from '../../src/base/result.ts';
import type { ServerPort } from '../../src/command/ports/server.ts';
import type { SessionPort } from '../../src/command/ports/session.ts';
import type { CommandTable } from '../../src/command/table.ts';
import { unknownSubcommand, wrongArity } from '../../src/resp/refusals.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { requestOf } from '../support/harness.ts';

export interface Asker {
  readonly userName: string;
  readonly tenantName: string;
  readonly namespaceName: string;
  readonly isOperator: boolean;
}

export const OPERATOR: Asker = {
  userName: 'admin',
  tenantName: 'system',
  namespaceName: 'system',
  isOperator: true,
};

export function tenantUser(userName: string, tenantName: string): Asker {
  return { userName, tenantName, namespaceName: tenantName, isOperator: false };
}

export class AclWorld {
  readonly registry: AclRegistry;
  readonly log: AclLog;
  readonly table: CommandTable;
  now_ms: number;

  constructor() {
    this.registry = new AclRegistry();
    this.log = new AclLog();
    this.now_ms = 1_700_000_000_000;
    const admin: Omit<AclAdmin, 'table'> = {
      registry: this.registry,
      log: this.log,
      nowMs: () => this.now_ms,
      randomHex: (bits) => 'f'.repeat(Math.ceil(bits / 8) * 2),
      load: () => failure('nothing to load'),
      save: () => failure('nothing to save'),
    };
    this.table = buildTable(admin);
  }

  get roster(): Roster {
    return this.registry.roster;
  }

  /** A user as SETUSER makes it, or the fault that is the answer. */
  made(rules: readonly string[], name = 'u', tenant = 'system'): User | string {
    const applied = applyRules(newUser(name, tenant, this.table, 'runtime'), rules, this.table);
    return applied.ok ? applied.value : applied.fault;
  }

  user(rules: readonly string[], name = 'u', tenant = 'system'): User {
    const user = this.made(rules, name, tenant);
    if (typeof user === 'string') throw new Error(`${rules.join(' ')}: ${user}`);
    return user;
  }

  enter(...users: readonly User[]): void {
    this.registry.swap(new Roster(0, users));
  }

  /** The reply of a session command to who asks, as its bytes. Gates are not asked. */
  send(words: readonly string[], asker: Asker = OPERATOR, protocol: 2 | 3 = 2): Uint8Array {
    const request = requestOf(...words);
    const out = new ReplyWriter(protocol);
    const command = this.table.resolve(request);
    const server: Partial<ServerPort> = { table: this.table, nowMs: () => this.now_ms };
    const session: Partial<SessionPort> = { ...asker, protocol };
    if (command === undefined) out.error(unknownSubcommand(words[0] ?? '', words[1] ?? ''));
    else if (!command.arityHolds(request.argc)) out.error(wrongArity(command.fullName));
    else {
      const refused = command.parse(request);
      if (refused !== undefined) out.error(refused);
      else command.runSession?.({ session: session as SessionPort, server: server as ServerPort, request }, out);
    }
    return out.take();
  }

  text(words: readonly string[], asker: Asker = OPERATOR, protocol: 2 | 3 = 2): string {
    return latin1(this.send(words, asker, protocol));
  }
}
