/**
 * Reads a folder of policy files into one {@link Policy}, or into everything that is wrong with it. All or nothing: one bad
 * line refuses the whole load, and the caller keeps what it had.
 */
import { createHash } from 'node:crypto';
import { bytesOf, latin1 } from '../base/bytes.ts';
import type { Allowlist } from '../base/cidr.ts';
import { POLICY_PROBLEMS_MAX, POLICY_USERS_MAX, TENANTS_MAX } from '../base/limits.ts';
import { oneLine } from '../base/one-line.ts';
import { failure, type Result, success } from '../base/result.ts';
import { TOKEN_USER_PREFIX, type TokenTemplate } from '../identity/terms.ts';
import { NO_BUDGET } from '../tenancy/budget.ts';
import { DEFAULT_TENANT, SYSTEM_TENANT, type TenantTerms } from '../tenancy/tenant.ts';
import { readTrial } from './dry-run.ts';
import { gatewayPolicyOf } from './gateway.ts';
import type {
  BuiltInUser,
  Policy,
  PolicyFiles,
  PolicyProblem,
  PolicyUser,
  Position,
  TlsListenerPolicy,
} from './policy.ts';
import { gatewaySchema, type TenantFile, tenantSchema, type UserEntry, wordsOf } from './schema.ts';
import { PolicySource, withoutPasswords } from './source.ts';
import { readTokens } from './tokens.ts';

/** What is wrong with a user's ACL rules: the rule at `index`, from 0. */
export interface AclFault {
  readonly index: number;
  readonly message: string;
}

export interface LoadOptions {
  /** Judges ACL rules against the command table, for a user that does not exist yet; undefined when they are right. */
  readonly aclFault: (rules: readonly Uint8Array[]) => AclFault | undefined;
  /** Users that no file needs to mention: `app` and `admin` of a first start, and `default`. */
  readonly builtIns: readonly BuiltInUser[];
}

const GATEWAY_FILE = 'gateway.yaml';
const DEFAULT_USER = 'default';

/** Reads, validates and puts together; problems come in order of file, line and column. */
export function loadPolicy(files: PolicyFiles, options: LoadOptions): Result<Policy, readonly PolicyProblem[]> {
  const load = new Load(files, options);
  const policy = load.run();
  const problems = load.problems;
  if (problems.length === 0 && policy !== undefined) return success(policy);
  const told = problems.toSorted(inOrder).slice(0, POLICY_PROBLEMS_MAX);
  // Keys and values of the files stand in these texts, whatever they hold.
  return failure(told.map((problem) => ({ ...problem, message: oneLine(problem.message) })));
}

function inOrder(a: PolicyProblem, b: PolicyProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

type Path = readonly (string | number)[];

class Load {
  readonly problems: PolicyProblem[];
  private readonly files: PolicyFiles;
  private readonly options: LoadOptions;
  private readonly notes: PolicyProblem[];
  private readonly hash: ReturnType<typeof createHash>;
  private readonly tenants: Map<string, { readonly terms: TenantTerms; readonly position: Position }>;
  private readonly users: Map<string, PolicyUser>;
  /** Whose they are. */
  private readonly certificates: Map<string, string>;
  private readonly templates: Map<string, readonly TokenTemplate[]>;

  constructor(files: PolicyFiles, options: LoadOptions) {
    this.problems = [];
    this.files = files;
    this.options = options;
    this.notes = [];
    this.hash = createHash('sha256');
    this.tenants = new Map();
    this.users = new Map();
    this.certificates = new Map();
    this.templates = new Map();
  }

  run(): Policy | undefined {
    const paths = this.files.list();
    if (!paths.ok) {
      this.complain({ file: '.', line: 1, column: 1 }, paths.fault);
      return undefined;
    }
    let gateway = PolicySource.empty(GATEWAY_FILE);
    for (const path of paths.value) {
      const source = this.read(path);
      if (source === undefined) continue;
      if (path === GATEWAY_FILE) gateway = source;
      else this.takeTenant(source);
    }
    const gatewayFile = gateway.validate(gatewaySchema, this.problems);
    this.takeBuiltIns();
    if (this.tenants.size > TENANTS_MAX - 2)
      this.complain(fileStart('tenants'), `more than ${TENANTS_MAX - 2} tenants`);
    if (this.users.size > POLICY_USERS_MAX) this.complain(fileStart('tenants'), `more than ${POLICY_USERS_MAX} users`);
    if (gatewayFile === undefined) return undefined;
    const tokens = readTokens(gatewayFile.tokens, {
      read: (name) => this.readBeside(name),
      complain: (path, message) => this.complain(gateway.positionOf(['tokens', ...path]), message),
    });
    const policy = gatewayPolicyOf(gatewayFile, tokens, (path, list) => this.noteRules(gateway, path, list));
    for (const fault of policy.faults) this.complain(gateway.positionOf(fault.path), fault.message);
    this.checkServerNames(gateway, policy.gateway.tls);
    this.noteCertificates(policy.gateway.tls);
    return {
      gateway: policy.gateway,
      tenants: this.orderedTenants(),
      users: Array.from(this.users.values()),
      templates: this.templates,
      notes: this.notes,
      contentHash: this.hash.digest('hex'),
    };
  }

  private complain(position: Position, message: string): void {
    const { file, line, column } = position;
    this.problems.push({ file, line, column, message });
  }

  private note(position: Position, message: string): void {
    const { file, line, column } = position;
    this.notes.push({ file, line, column, message: oneLine(message) });
  }

  private read(path: string): PolicySource | undefined {
    const text = this.files.read(path);
    if (!text.ok) {
      this.complain(fileStart(path), text.fault);
      return undefined;
    }
    this.remember(path, text.value);
    return PolicySource.parse(path, text.value, this.problems);
  }

  /** Lengths first, so that no two folders hash alike by moving bytes between name and content. */
  private remember(name: string, content: string): void {
    this.hash.update(`${name.length} ${content.length} ${name}${content}`);
  }

  private readBeside(name: string): Result<string> {
    const text = this.files.readBeside(name);
    if (text.ok) this.remember(name, text.value);
    return text;
  }

  private takeTenant(source: PolicySource): void {
    const file = source.validate(tenantSchema, this.problems);
    if (file === undefined) return;
    const position = source.positionOf(['tenant']);
    const other = this.tenants.get(file.tenant);
    if (other !== undefined) {
      const first = `${other.position.file}:${other.position.line}:${other.position.column}`;
      return this.complain(position, `tenant "${file.tenant}" is also defined at ${first}`);
    }
    const isSystem = file.tenant === SYSTEM_TENANT;
    if (isSystem && file.budget.memoryBytes > 0) {
      this.complain(
        source.positionOf(['budget', 'memory']),
        'the tenant system holds no data and has no memory budget',
      );
    }
    if (isSystem && file.suspended) {
      this.complain(source.positionOf(['suspended']), 'the tenant system cannot be suspended: nobody could undo it');
    }
    this.noteRules(source, ['addresses'], file.addresses);
    const { tenant: name, budget, addresses, suspended } = file;
    this.tenants.set(name, { terms: { name, budget, addresses, suspended }, position });
    for (const [index, entry] of file.users.entries()) this.takeUser(source, file, entry, index);
    this.takeTemplates(source, file);
  }

  private takeTemplates(source: PolicySource, { tenant, token_users: entries }: TenantFile): void {
    if (entries.length === 0) return;
    if (tenant === SYSTEM_TENANT) {
      this.complain(source.positionOf(['token_users']), 'operators are named in the file, each one');
    }
    const roles = new Set<string>();
    const templates = entries.map(({ role, acl, addresses, budget }, index): TokenTemplate => {
      const path = ['token_users', index];
      if (roles.has(role)) this.complain(source.positionOf([...path, 'role']), `role "${role}" stands twice`);
      roles.add(role);
      this.noteRules(source, [...path, 'addresses'], addresses);
      const rules = acl.map((rule) => bytesOf(rule));
      this.judgeRules(source, [...path, 'acl'], acl, rules);
      const secret = acl.findIndex((rule) => /^(?:[>#<!]|nopass$)/i.test(rule));
      if (secret >= 0) this.complain(source.positionOf([...path, 'acl']), 'who comes with a token has no password');
      return { role, rules: rules.map((rule) => latin1(rule)), addresses, budget };
    });
    this.templates.set(tenant, templates);
  }

  /** Whether the rules are right; what is wrong is added to the problems. */
  private judgeRules(source: PolicySource, path: Path, acl: readonly string[], rules: readonly Uint8Array[]): boolean {
    const fault = this.options.aclFault(rules);
    if (fault === undefined) return true;
    const shown = withoutPasswords(acl[fault.index] ?? '');
    this.complain(source.positionOfWord(path, fault.index), `ACL rule "${shown}": ${withoutPasswords(fault.message)}`);
    return false;
  }

  private takeUser(source: PolicySource, file: TenantFile, entry: UserEntry, index: number): void {
    const path = ['users', index];
    const position = source.positionOf([...path, 'name']);
    const name = latin1(bytesOf(entry.name));
    const other = this.users.get(name);
    if (other?.position !== undefined) {
      const first = `${other.position.file}:${other.position.line}:${other.position.column}`;
      return this.complain(position, `user "${entry.name}" is also defined at ${first}`);
    }
    this.noteRules(source, [...path, 'addresses'], entry.addresses);
    const rules = entry.acl.map((rule) => bytesOf(rule));
    if (!this.judgeRules(source, [...path, 'acl'], entry.acl, rules)) return;
    const trial = readTrial(
      rules,
      [
        { words: file.dry_run_acl, path: ['dry_run_acl'] },
        { words: entry.dryRunAcl, path: [...path, 'dry_run_acl'] },
      ],
      this.options.aclFault,
    );
    if (trial.fault !== undefined) {
      const { path: at, index: word, message } = trial.fault;
      return this.complain(source.positionOfWord(at, word), `dry_run_acl: ${message}`);
    }
    if (entry.passwordFile !== undefined) {
      const hash = this.passwordHash(source.positionOf([...path, 'password_file']), entry.passwordFile);
      if (hash !== undefined) rules.push(bytesOf(`#${hash}`));
    }
    if (name === DEFAULT_USER && entry.acl.some((rule) => rule.toLowerCase() === 'nopass')) {
      this.complain(source.positionOf([...path, 'acl']), 'the user default needs a password: connections begin as it');
    }
    if (name.startsWith(TOKEN_USER_PREFIX)) {
      this.complain(position, `names that begin with "${TOKEN_USER_PREFIX}" are those of users that tokens make`);
    }
    this.noteDoors(position, entry);
    const { addresses, budget, certificate, slowHashes, tokens } = entry;
    const known = certificate === undefined ? undefined : this.certificates.get(certificate);
    if (known !== undefined) {
      this.complain(source.positionOf([...path, 'certificate']), `this certificate is also that of user "${known}"`);
    }
    if (certificate !== undefined) this.certificates.set(certificate, name);
    const { tenant: tenantName } = file;
    this.users.set(name, {
      name,
      tenantName,
      rules,
      addresses,
      budget,
      certificate,
      slowHashes,
      tokens,
      dryRunRules: trial.rules,
      position,
    });
  }

  private passwordHash(position: Position, fileName: string): string | undefined {
    const password = this.files.readPassword(fileName);
    if (!password.ok) {
      this.complain(position, password.fault);
      return undefined;
    }
    const hash = createHash('sha256').update(password.value).digest('hex');
    this.remember(fileName, hash);
    return hash;
  }

  private noteDoors(position: Position, entry: UserEntry): void {
    const { name, acl, passwordFile, certificate, slowHashes, tokens } = entry;
    const words = acl.map((rule) => rule.toLowerCase());
    const hasPassword = passwordFile !== undefined || slowHashes.length > 0 || words.some((rule) => /^[#>]/.test(rule));
    if (words.includes('nopass')) this.note(position, `user "${name}" needs no password`);
    else if (!hasPassword && tokens === undefined && certificate === undefined)
      this.note(position, `user "${name}" has no password and cannot log in`);
    if (tokens === 'only' && (hasPassword || words.includes('nopass')))
      this.note(position, `user "${name}" comes with a token only: its passwords open nothing`);
    if (!words.includes('on')) this.note(position, `user "${name}" is off: its rules do not say on`);
    if (words.some((rule) => rule.startsWith('>'))) {
      this.note(position, `user "${name}" has its password in clear in the file: better # and its SHA-256`);
    }
  }

  private checkServerNames(source: PolicySource, { names }: TlsListenerPolicy): void {
    const known = new Set([DEFAULT_TENANT, SYSTEM_TENANT, ...this.tenants.keys()]);
    for (const [index, { tenantName }] of names.entries()) {
      if (tenantName === undefined || known.has(tenantName)) continue;
      this.complain(source.positionOf(['listeners', 'tls', 'names', index, 'tenant']), `no tenant "${tenantName}"`);
    }
  }

  private noteCertificates({ clientCertificates }: TlsListenerPolicy): void {
    if (clientCertificates.mode !== 'none') return;
    for (const { name, certificate, position } of this.users.values()) {
      if (certificate === undefined || position === undefined) continue;
      this.note(position, `user "${name}" has a certificate, and no listener asks clients for one`);
    }
  }

  private noteRules(source: PolicySource, path: Path, list: Allowlist | undefined): void {
    for (const { index, written, normalised } of list?.notes ?? []) {
      this.note(source.positionOf([...path, index]), `${written} is read as ${normalised}`);
    }
  }

  private takeBuiltIns(): void {
    for (const one of this.options.builtIns) {
      const name = latin1(bytesOf(one.name));
      const isHidden = name !== DEFAULT_USER && this.tenants.has(one.tenantName);
      if (isHidden || this.users.has(name)) continue;
      this.remember(name, one.acl);
      const rules = wordsOf(one.acl).map((rule) => bytesOf(rule));
      this.users.set(name, { name, tenantName: one.tenantName, rules, ...NOTHING_MORE });
    }
  }

  /** Numbers follow this order at the first start: `default` gets 0 whatever the files are called. */
  private orderedTenants(): readonly TenantTerms[] {
    const implied = [DEFAULT_TENANT, SYSTEM_TENANT].map(
      (name) => this.tenants.get(name)?.terms ?? { name, budget: NO_BUDGET, addresses: undefined, suspended: false },
    );
    const named = Array.from(this.tenants.values(), ({ terms }) => terms)
      .filter(({ name }) => name !== DEFAULT_TENANT && name !== SYSTEM_TENANT)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return [...implied, ...named];
  }
}

const NOTHING_MORE = {
  addresses: undefined,
  slowHashes: [],
  tokens: undefined,
  dryRunRules: [],
  position: undefined,
};

function fileStart(file: string): Position {
  return { file, line: 1, column: 1 };
}
