/** The command table of the process. The ACL family is bound to the administration that the table itself is part of. */
import type { AclAdmin } from '../acl/admin.ts';
import { AclLog } from '../acl/log.ts';
import { AclRegistry } from '../acl/registry.ts';
import { failure } from '../base/result.ts';
import { CommandTable } from '../command/table.ts';
import { aclFamily } from '../commands/acl/family.ts';
import { declarations } from '../commands/families.ts';

export function buildTable(acl: Omit<AclAdmin, 'table'>): CommandTable {
  let table: CommandTable | undefined;
  const admin: AclAdmin = {
    registry: acl.registry,
    log: acl.log,
    nowMs: () => acl.nowMs(),
    randomHex: (bits) => acl.randomHex(bits),
    load: () => acl.load(),
    save: () => acl.save(),
    table() {
      if (table === undefined) throw new Error('the command table is asked for while it is built');
      return table;
    },
  };
  table = new CommandTable(declarations({ acl: [aclFamily(admin)] }));
  return table;
}

/** The table that a running server has, with nothing behind it: for tools, and for tests. */
export function tableAlone(): CommandTable {
  return buildTable({
    registry: new AclRegistry(),
    log: new AclLog(),
    nowMs: () => 0,
    randomHex: () => '',
    load: () => failure('nothing runs here'),
    save: () => failure('nothing runs here'),
  });
}
