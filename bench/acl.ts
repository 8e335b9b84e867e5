/**
 * Cost of a permission: ns per verdict over one request, for users of growing rules.
 *
 *   bun bench/acl.ts        node bench/acl.ts
 */

import { ALLOWED, checkAll, checkCommand } from '../src/acl/check.ts';
import { applyRules, newUser } from '../src/acl/rules.ts';
import { tableAlone } from '../src/app/table.ts';
import { KeyList } from '../src/command/command.ts';
import { Request } from '../src/resp/request.ts';
import { fastest } from './lib/fastest.ts';

const table = tableAlone();
const REQUEST = Request.of('GET', 'key:000000012345');
const COMMAND = table.resolve(REQUEST);
const MANY_PATTERNS = Array.from({ length: 20 }, (_, i) => `~tenant:${i}:*`);

function measure(name: string, budget_ns: number, rules: readonly string[]): void {
  const user = applyRules(newUser('measured', 'default', table, 'policy'), rules, table);
  if (!user.ok || COMMAND === undefined) throw new Error(user.ok ? 'no such command' : user.fault);
  const keys = new KeyList();
  COMMAND.parse(REQUEST);
  COMMAND.keys(REQUEST, keys);
  const verdict = () =>
    checkCommand(user.value, COMMAND, REQUEST) ? checkAll(user.value, COMMAND, REQUEST, keys) : -1;
  if (verdict() !== ALLOWED) throw new Error(`${name}: was not allowed`);
  const took_ns = fastest(verdict);
  console.log(`${name.padEnd(34)} ${took_ns.toFixed(1).padStart(7)} ns   budget ${budget_ns}`);
}

measure('all keys', 15, ['on', '+@all', '~*']);
measure('one prefix', 40, ['on', '+@all', '~key:*']);
measure('one pattern in the middle', 60, ['on', '+@all', '~*key*']);
measure('the last of four patterns', 60, ['on', '+@all', '-@dangerous', '~a:*', '~b:*', '~c:*', '~key:*']);
measure('the last of twenty-one patterns', 250, ['on', '+@all', ...MANY_PATTERNS, '~key:*']);
measure('the second selector', 120, ['on', '(+set ~key:*)', '(+get ~key:*)']);
