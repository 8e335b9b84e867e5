/** Policy files in memory, read with the real judge of ACL rules. */
import { expect } from 'vitest';
import { aclFaultOf } from '../../src/app/users.ts';
import { failure, type Result, success } from '../../src/base/result.ts';
import { CommandTable } from '../../src/command/table.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import type { AlertSettings, AuditSettings } from '../../src/policy/audit.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import {
  type BuiltInUser,
  describeProblem,
  type Policy,
  type PolicyFiles,
  type PolicyProblem,
  type StoragePolicy,
  type TlsListenerPolicy,
} from '../../src/policy/policy.ts';

const table = new CommandTable(shardDeclarations);

export type Files = Readonly<Record<string, string>>;

export const BUILT_INS: readonly BuiltInUser[] = [
  { name: 'app', tenantName: 'default', acl: 'on >app ~* +@all' },
  { name: 'admin', tenantName: 'system', acl: 'on >admin ~* +@all' },
  { name: 'default', tenantName: 'default', acl: 'off' },
];

const STORAGE_DEFAULTS: StoragePolicy = {
  shards: 1,
  dataFolder: 'data',
  maxmemoryBytes: 0,
  maxmemoryPolicy: 'noeviction',
  maxmemorySamples: 5,
  backups: { folder: undefined, everySeconds: 0, keep: 7 },
};

export const TLS_DEFAULTS: Pick<TlsListenerPolicy, 'clientCertificates' | 'names' | 'unknownName'> = {
  clientCertificates: {
    mode: 'none',
    authoritiesFile: undefined,
    revocationsFile: undefined,
    identifyBy: 'san_uri',
    passwordAllowed: false,
  },
  names: [],
  unknownName: 'default',
};

const AUDIT_DEFAULTS: AuditSettings = {
  sink: 'none',
  file: undefined,
  rotateBytes: 67_108_864,
  keep: 16,
  syslog: { transport: 'udp', host: '127.0.0.1', port: 514 },
  onFailure: 'deny',
  writes: false,
  readsOneIn: 0,
  keys: 'none',
  arguments: [],
  keyFile: undefined,
};

const ALERT_DEFAULTS: AlertSettings = {
  windowSeconds: 60,
  guessing: 20,
  scanning: 30,
  denied: 100,
  oversized: 10,
  handshakes: 50,
  flooding: 1000,
};

export const SECTION_DEFAULTS = {
  storage: STORAGE_DEFAULTS,
  audit: AUDIT_DEFAULTS,
  alerts: ALERT_DEFAULTS,
  tokens: { issuers: [], revoked: new Set() },
};

export class MemoryFiles implements PolicyFiles {
  private readonly files: ReadonlyMap<string, string>;
  private readonly passwords: ReadonlyMap<string, string>;

  constructor(files: Files, passwords: Files = {}) {
    this.files = new Map(Object.entries(files));
    this.passwords = new Map(Object.entries(passwords));
  }

  list(): Result<readonly string[]> {
    return success(Array.from(this.files.keys()));
  }

  read(path: string): Result<string> {
    const text = this.files.get(path);
    return text === undefined ? failure('cannot be read: ENOENT') : success(text);
  }

  readBeside(name: string): Result<string> {
    const text = this.passwords.get(name);
    return text === undefined ? failure(`${name}: cannot be read: ENOENT`) : success(text);
  }

  readPassword(name: string): Result<string> {
    const password = this.passwords.get(name);
    return password === undefined ? failure(`password file ${name}: cannot be read: ENOENT`) : success(password);
  }
}

/** @param judge the commands that rules may speak of: those of the shards unless said otherwise */
export function load(
  files: Files,
  passwords: Files = {},
  judge: CommandTable = table,
): Result<Policy, readonly PolicyProblem[]> {
  return loadPolicy(new MemoryFiles(files, passwords), {
    aclFault: (rules) => aclFaultOf(judge, rules),
    builtIns: BUILT_INS,
  });
}

export function policyOf(files: Files, passwords: Files = {}, judge: CommandTable = table): Policy {
  const loaded = load(files, passwords, judge);
  if (!loaded.ok) throw new Error(loaded.fault.map(describeProblem).join('\n'));
  return loaded.value;
}

/** As `portcullis check` prints them; empty when there are none. */
export function problemsOf(files: Files, passwords: Files = {}): readonly string[] {
  const loaded = load(files, passwords);
  return loaded.ok ? [] : loaded.fault.map(describeProblem);
}

/** What gateway.yaml means when it says nothing. */
export const GATEWAY_DEFAULTS = {
  tls: { bind: '127.0.0.1', port: 6380, profile: 'intermediate', addresses: undefined, ...TLS_DEFAULTS },
  plain: { bind: '127.0.0.1', port: 0, addresses: undefined, allowRemote: false },
  limits: {
    maxclients: 10_000,
    connectionsPerIp: 200,
    perIpExempt: expect.objectContaining({ rules: ['127.0.0.0/8', '::1/128'] }),
    timeoutSeconds: 300,
    tcpKeepaliveSeconds: 60,
    handshakeTimeoutSeconds: 10,
    authenticationTimeoutSeconds: 10,
    protoMaxBulkBytes: 67_108_864,
    clientQueryBufferBytes: 67_108_864,
    outputLimits: {
      normal: { hardBytes: 268_435_456, softBytes: 67_108_864, softSeconds: 60 },
      pubsub: { hardBytes: 33_554_432, softBytes: 8_388_608, softSeconds: 60 },
      replica: { hardBytes: 268_435_456, softBytes: 67_108_864, softSeconds: 60 },
    },
  },
  adminAddresses: undefined,
  ...SECTION_DEFAULTS,
  logLevel: 'info',
  shutdownTimeoutSeconds: 10,
};
