/**
 * ACL files of Redis, as ACL SAVE writes them and `aclfile` reads them: a user a line. Read all or nothing, as Redis does;
 * written so that redis-server 7.0 reads back the same users.
 */
import { applyRules, newUser } from '../acl/rules.ts';
import { describeUser, type User } from '../acl/user.ts';
import { bytesOf, latin1 } from '../base/bytes.ts';
import { POLICY_PROBLEMS_MAX, POLICY_USERS_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { CommandTable } from '../command/table.ts';

export interface AclFileProblem {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

const BEHIND_REDIS = /^7\.(?!0\.)|^[89]\./;

/** The users of a file, in its order; or everything that is wrong with it. */
export function readAclFile(
  text: string,
  tenant: string,
  table: CommandTable,
): Result<readonly User[], readonly AclFileProblem[]> {
  const users = new Map<string, User>();
  const problems: AclFileProblem[] = [];
  for (const [index, whole] of text.split('\n').entries()) {
    const words = whole.trim().split(' ');
    if (words[0] === '') continue;
    const read = readLine(words, tenant, table);
    if (!read.ok) problems.push({ line: index + 1, message: read.fault });
    else if (users.has(read.value.name)) {
      problems.push({ line: index + 1, message: `the user ${words[1] ?? ''} stands twice` });
    } else users.set(read.value.name, read.value);
    if (users.size > POLICY_USERS_MAX)
      problems.push({ line: index + 1, message: `more than ${POLICY_USERS_MAX} users` });
    if (problems.length >= POLICY_PROBLEMS_MAX) break;
  }
  return problems.length > 0 ? failure(problems) : success(Array.from(users.values()));
}

function readLine(words: readonly string[], tenant: string, table: CommandTable): Result<User> {
  const [keyword, name = '', ...rules] = words;
  if (keyword !== 'user' || name === '') return failure('must begin with "user" and a name');
  const empty = newUser(latin1(bytesOf(name)), tenant, table, 'policy');
  return applyRules(
    empty,
    rules.map((rule) => latin1(bytesOf(rule))),
    table,
  );
}

export interface AclLine {
  /** One character per byte. */
  readonly line: string;
  /** Rules about commands that redis-server 7.0 has not: they are not in the line, as it would refuse the whole file. */
  readonly leftOut: readonly string[];
}

/** The line of a user that redis-server 7.0 takes. */
export function aclLineOf(user: User, table: CommandTable): AclLine {
  const leftOut: string[] = [];
  const words = describeUser(user)
    .split(' ')
    .map((word) => {
      const [, opening = '', rule = '', closing = ''] = /^(\(?)(.*?)(\)?)$/s.exec(word) ?? [];
      const [, name] = /^[+-](?!@)(.+)$/s.exec(rule) ?? [];
      if (name === undefined || isKnownToRedis(name, table)) return word;
      leftOut.push(rule);
      return `${opening}${closing}`;
    });
  const line = words
    .filter((word) => word !== '')
    .join(' ')
    .replaceAll(' )', ')');
  return { line, leftOut };
}

function isKnownToRedis(name: string, table: CommandTable): boolean {
  const command = table.named(name) ?? table.named(name.slice(0, Math.max(0, name.lastIndexOf('|'))));
  if (command === undefined) return false;
  const { parent } = command;
  return [command, parent].every((one) => one === undefined || !BEHIND_REDIS.test(one.declaration.since));
}
