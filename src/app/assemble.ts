/**
 * Puts the parts of a serving process together, in the order in which they need each other, and opens nothing yet.
 *
 *   passwords ─▶ table ─▶ policy ─▶ plan ─▶ storage ─▶ options ─▶ gateway ─▶ governance (users) ─▶ server port
 */
import { randomBytes } from 'node:crypto';
import { AclLog } from '../acl/log.ts';
import { AclRegistry } from '../acl/registry.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { DATABASE_COUNT } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { type Backend, unlimitedRealm } from '../command/ports/backend.ts';
import type { CommandTable } from '../command/table.ts';
import { CertificateFiles } from '../disk/certificate-files.ts';
import { DiskPolicyFiles } from '../disk/policy-files.ts';
import { realDisk } from '../disk/real-disk.ts';
import { createGateway, type Gateway } from '../gateway/gateway.ts';
import type { Security } from '../gateway/security.ts';
import type { TlsMaterial } from '../gateway/tls.ts';
import { PROCESS } from '../observe/latency.ts';
import { createLog, type Log } from '../observe/log.ts';
import { loadPolicy } from '../policy/load.ts';
import { PolicyKeeper } from '../policy/reload.ts';
import { type Tenant, TenantRegistry } from '../tenancy/tenant.ts';
import { alertTermsOf, auditTermsOf, recordedLog } from './audit.ts';
import { Backups, backupsFolderOf } from './backups.ts';
import { Config } from './config/config.ts';
import type { NumberedTenant } from './figures.ts';
import { ensureFirstStart, type FirstStart } from './first-start.ts';
import { CoreFigures } from './gateway-figures.ts';
import { GatewayLines } from './gateway-log.ts';
import { describeProblems, Governance } from './governance.ts';
import type { Ending } from './lifecycle.ts';
import type { Options } from './options.ts';
import { Persistence } from './persistence.ts';
import { type Plan, planOf } from './plan.ts';
import { policyPort } from './policy-view.ts';
import { sealInThread } from './seal/spawn.ts';
import { Server } from './server-port.ts';
import { makeStorage, type Storage } from './storage.ts';
import { buildTable } from './table.ts';
import { TlsFiles } from './tls-files.ts';
import { aclFaultOf, builtInUsers } from './users.ts';
import { viewOf } from './view.ts';

/** Everything that serves. */
export interface Parts {
  readonly plan: Plan;
  readonly firstStart: FirstStart;
  readonly files: DiskPolicyFiles;
  readonly log: Log;
  readonly lines: GatewayLines;
  readonly storage: Storage;
  readonly gateway: Gateway;
  readonly governance: Governance;
  readonly server: Server;
  readonly persistence: Persistence;
  readonly backups: Backups;
  /** What is on the disk now; refused when it does not work. */
  readonly readTls: () => Result<TlsMaterial>;
  /** Changes whenever `readTls` might give something else. */
  readonly tlsFingerprint: () => string;
}

/** The fault is one line for a person. Nothing needs to be closed after it. */
export async function assemble(options: Options, ending: Ending, cwd: string): Promise<Result<Parts>> {
  const firstStart = await ensureFirstStart(options.certificatesFolder);
  if (!firstStart.ok) return firstStart;
  const files = new DiskPolicyFiles(options.policiesFolder, options.certificatesFolder);
  const registry = new AclRegistry();
  const aclLog = new AclLog();
  let governance: Governance | undefined;
  const table = buildTable({
    registry,
    log: aclLog,
    nowMs: systemClock.nowMs,
    randomHex: (bits) => randomBytes(Math.ceil(bits / 8)).toString('hex'),
    load: () => governance?.reload('ACL LOAD') ?? failure('the policies are being read'),
    save: () => failure('users live in the policy files, which only a person writes'),
  });
  const load = () =>
    loadPolicy(files, {
      aclFault: (rules) => aclFaultOf(table, rules),
      builtIns: builtInUsers(firstStart.value.passwords),
    });
  const loaded = load();
  if (!loaded.ok) return failure(`${options.policiesFolder}/${describeProblems(loaded.fault)}`);
  const plan = planOf(options, loaded.value.gateway, cwd);
  if (!plan.ok) return plan;
  const tlsFiles = new TlsFiles(new CertificateFiles(options.certificatesFolder));
  if (plan.value.tls !== undefined) {
    const material = tlsFiles.read(loaded.value.gateway.tls, systemClock.nowMs());
    if (!material.ok) return material;
  }
  let security: Security | undefined;
  const log = recordedLog(createLog({ level: loaded.value.gateway.logLevel }), () => security);
  const keeper = new PolicyKeeper(loaded.value, load);
  const built = build({
    plan: plan.value,
    table,
    registry,
    aclLog,
    log,
    ending,
    keeper,
    cwd,
  });
  governance = built.governance;
  security = built.gateway.core.security;
  const begun = governance.begin();
  if (!begun.ok) {
    await dismantle(built);
    return begun;
  }
  // The mode decides what the listener asks of clients, which it was opened with.
  const { mode } = loaded.value.gateway.tls.clientCertificates;
  const tlsPolicy = () => {
    const { tls } = keeper.current.gateway;
    return { ...tls, clientCertificates: { ...tls.clientCertificates, mode } };
  };
  const readTls = () => tlsFiles.read(tlsPolicy(), systemClock.nowMs());
  const tlsFingerprint = () => tlsFiles.fingerprint(tlsPolicy());
  return success({ plan: plan.value, firstStart: firstStart.value, files, log, readTls, tlsFingerprint, ...built });
}

/** Stops timers and threads, and closes what is open. */
export async function dismantle({ gateway, storage }: Pick<Parts, 'gateway' | 'storage'>): Promise<void> {
  gateway.cut();
  await storage.backend.close();
}

interface Foundation {
  readonly plan: Plan;
  readonly table: CommandTable;
  readonly registry: AclRegistry;
  readonly aclLog: AclLog;
  readonly log: Log;
  readonly ending: Ending;
  readonly keeper: PolicyKeeper;
  readonly cwd: string;
}

type Built = Pick<Parts, 'lines' | 'storage' | 'gateway' | 'governance' | 'server' | 'persistence' | 'backups'>;

function build({ plan, table, registry, aclLog, log, ending, keeper, cwd }: Foundation): Built {
  const clock = systemClock;
  const tenants = new TenantRegistry();
  const lines = new GatewayLines(log, clock);
  const storage: Storage = makeStorage(
    plan.shards,
    plan.settings,
    log,
    {
      answered: () => gateway.answered(),
      slow: (command) => gateway.core.timing.slowElsewhere(command),
      stalled: (event, duration_ms) => gateway.core.timing.latency.add(PROCESS, event, duration_ms),
    },
    { dataFolder: plan.dataFolder, table, tenantNumber: (name) => retired(tenants, backend, clock, name) },
  );
  const { backend } = storage;
  const persistence = new Persistence({
    durability: backend.durability,
    clock,
    log,
    startedAt_ms: clock.nowMs(),
    savePoints: () => config.settings.savePoints,
  });
  const backups = backupsOf({ plan, keeper, log, cwd }, backend, tenants);
  const gateway: Gateway = createGateway(
    { table, backend, acl: registry, aclLog, tenants, clock, log: lines, databases: DATABASE_COUNT },
    viewOf(keeper.current, plan.settings, plan.trustLoopback),
  );
  const renewView = () => {
    const { tls, plain } = keeper.current.gateway;
    const view = viewOf(keeper.current, config.settings, plan.trustLoopback);
    const addresses = { tls: tls.addresses, plain: plain.addresses };
    gateway.reconfigure(view, addresses, { tls: tls.proxies, plain: plain.proxies });
    const { audit, alerts } = keeper.current.gateway;
    gateway.core.security.adopt(auditTermsOf(audit), alertTermsOf(alerts));
  };
  const config: Config = new Config(plan.settings, plan.facts, (settings) => {
    backend.configureEngine(settings);
    backend.durability.configure(settings);
    aclLog.setMax(settings.acllogMaxLength);
    gateway.adoptView(viewOf(keeper.current, settings, plan.trustLoopback));
  });
  const governance = new Governance({
    keeper,
    table,
    tenants,
    acl: registry,
    backend,
    config,
    clock,
    log,
    trustLoopback: plan.trustLoopback,
    said: plan.said,
    changed: renewView,
  });
  const server = new Server({
    table,
    backend,
    config,
    clock,
    facts: plan.facts,
    gateway: new CoreFigures(gateway.core, table, tenants),
    tenants: () => tenants.all().map((tenant) => numbered(tenant, registry, storage)),
    tenantNames: () => tenants.all().map(({ name }) => name),
    isLoading: () => gateway.isLoading,
    slowlog: gateway.core.timing.slowlog,
    latency: gateway.core.timing.latency,
    tenantNumber: (name) => tenants.get(name)?.number,
    persistence,
    backups,
    policy: policyPort(() => keeper.current, registry, gateway.core),
    end: {
      begin({ save, force }) {
        void persistence.saveAtEnd(save).then((saved) => {
          if (saved.ok || force) ending.begin('SHUTDOWN');
          else log.write('error', 'shutdown.refused', `the data could not be saved: ${saved.fault}`);
        });
        return true;
      },
      abort: () => false,
    },
  });
  return { lines, storage, gateway, governance, server, persistence, backups };
}

function backupsOf(
  { plan, keeper, log, cwd }: Pick<Foundation, 'plan' | 'keeper' | 'log' | 'cwd'>,
  { durability }: Backend,
  tenants: TenantRegistry,
): Backups {
  return new Backups({
    durability,
    disk: realDisk,
    clock: systemClock,
    log,
    shards: plan.shards,
    policy: () => {
      const { folder, everySeconds, keep } = keeper.current.gateway.storage.backups;
      return { folder: backupsFolderOf(plan.dataFolder, folder, cwd), everySeconds, keep };
    },
    knowsTenant: (name) => tenants.get(name) !== undefined,
    seal: sealInThread,
  });
}

/** A tenant that no policy names any more, and whose data is still there: it is kept, for the day it is named again. */
function retired(tenants: TenantRegistry, backend: Backend, clock: Clock, name: string): number {
  const tenant = tenants.retire(name, clock.monotonicMs());
  backend.configureRealm(tenant.number, unlimitedRealm(name));
  return tenant.number;
}

function numbered(tenant: Tenant, registry: AclRegistry, { backend }: Storage): NumberedTenant {
  const { budget } = tenant;
  let users = 0;
  const { roster } = registry;
  for (const user of roster.users()) if (user.tenant === tenant.name) users++;
  return {
    number: tenant.number,
    name: tenant.name,
    users,
    connections: tenant.connections,
    connectionsMax: budget.connections,
    usedBytes: backend.realmCounts(tenant.number).usedBytes,
    limitBytes: budget.memoryBytes,
    policy: budget.policy,
    commandsPerSecondMax: budget.commandsPerSecond,
    bytesInPerSecondMax: budget.bytesInPerSecond,
    bytesOutPerSecondMax: budget.bytesOutPerSecond,
  };
}
