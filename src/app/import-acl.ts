/**
 * `portcullis import-acl FILE --tenant T [--write]`: the users of an ACL file of Redis as a tenant file, printed or put among
 * the policies. One line that is wrong refuses the whole file, and so does anything that the policies would not take.
 */
import { join, resolve } from 'node:path';
import { describeUser, type User } from '../acl/user.ts';
import { bytesOfLatin1, utf8Text } from '../base/bytes.ts';
import { counted } from '../base/counted.ts';
import { POLICY_FILE_BYTES_MAX } from '../base/limits.ts';
import { oneLine } from '../base/one-line.ts';
import { failure, type Result, success } from '../base/result.ts';
import { realDisk } from '../disk/real-disk.ts';
import { readSmallFile, writeSmallFile } from '../persist/small-file.ts';
import { readAclFile } from '../policy/acl-file.ts';
import { saidNo, saidYes } from './data-tool.ts';
import { loadForTool, parseWords, problemLines, type ToolEdge, type ToolResult } from './policy-tool.ts';
import { DEFAULT_USER } from './users.ts';

const USAGE = 'usage: import-acl FILE --tenant T [--write] [--policies FOLDER]';

export function runImportAcl(args: readonly string[], edge: ToolEdge): ToolResult {
  const words = parseWords(args, { tenant: { type: 'string' }, write: { type: 'boolean' } }, true);
  if (!words.ok) return saidNo(words.fault);
  const { values, positionals } = words.value;
  const tenant = values.get('tenant');
  const [file] = positionals;
  if (typeof tenant !== 'string' || file === undefined || positionals.length > 1) return saidNo(USAGE);
  const text = textIn(resolve(edge.cwd, file));
  if (!text.ok) return saidNo(`${file}: ${text.fault}`);
  const users = readAclFile(text.value, tenant, edge.table);
  if (!users.ok) {
    const lines = users.fault.map(({ line, message }) => `${oneLine(`${file}:${line}: ${message}`)}\n`);
    return { exitCode: 1, output: `${lines.join('')}nothing is imported\n` };
  }
  const notes: string[] = [];
  const kept = users.value.filter((user) => isKept(user, notes));
  const yaml = tenantYaml(tenant, kept, notes);
  const name = `${tenant}.yaml`;
  const { folder, files, policy } = loadForTool(words.value, edge, { path: `tenants/${name}`, text: yaml });
  if (files.includes(`tenants/${name}`)) return saidNo(`${join(folder, 'tenants', name)} is there already`);
  if (!policy.ok) return { exitCode: 1, output: `${problemLines(folder, policy.fault)}nothing is imported\n` };
  if (values.get('write') !== true) return { exitCode: 0, output: yaml };
  const made = realDisk.makeFolder(join(folder, 'tenants'));
  const written = made.ok ? writeSmallFile(realDisk, join(folder, 'tenants'), name, Buffer.from(yaml)) : made;
  if (!written.ok) return saidNo(written.fault.message);
  return saidYes(notes, `${join(folder, 'tenants', name)}: ${counted(kept.length, 'user')}`);
}

/** As everybody begins as `default`, nobody may be it without a password: that is refused here, and common there. */
function isKept(user: User, notes: string[]): boolean {
  if (user.name !== DEFAULT_USER) return true;
  if (user.enabled && user.nopass)
    notes.push('the user default is left out: it needs no password, which nobody may here');
  else if (!user.enabled) notes.push('the user default is left out: it is off here as well');
  return user.enabled && !user.nopass;
}

function textIn(path: string): Result<string> {
  const bytes = readSmallFile(realDisk, path, POLICY_FILE_BYTES_MAX);
  if (!bytes.ok) return bytes;
  if (bytes.value === undefined) return failure('there is no such file');
  try {
    return success(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.value));
  } catch {
    return failure('is not UTF-8, as policy files are');
  }
}

function tenantYaml(tenant: string, users: readonly User[], notes: readonly string[]): string {
  const head = notes.map((note) => `# ${note}\n`).join('');
  const entries = users.map((user) => {
    const rules = describeUser(user).slice(`user ${user.name} `.length);
    return `  - name: ${quoted(user.name)}\n    acl: ${quoted(rules)}\n`;
  });
  const list = entries.length === 0 ? 'users: []\n' : `users:\n${entries.join('')}`;
  return `# Made of an ACL file of Redis.\n${head}tenant: ${JSON.stringify(tenant)}\n${list}`;
}

/** One character per byte becomes a text in quotes that YAML reads as JSON does. */
function quoted(bytes: string): string {
  const raw = bytesOfLatin1(bytes);
  return JSON.stringify(utf8Text(raw, 0, raw.length));
}
