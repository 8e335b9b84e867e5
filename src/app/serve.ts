/** What serves, with what it holds from outside: the lock of the data folder, ports, threads, timers, and a watch on files. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import {
  POLICY_POLL_MS,
  POLICY_SETTLE_MS,
  POLICY_SETTLE_MS_MAX,
  SAMPLE_MS,
  STORAGE_START_MS_MAX,
} from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { FolderLock } from '../disk/lock.ts';
import { realDisk } from '../disk/real-disk.ts';
import { FolderWatch } from '../disk/watch.ts';
import type { TlsMaterial } from '../gateway/tls.ts';
import { redistribute } from '../persist/redistribute.ts';
import { assemble, dismantle, type Parts } from './assemble.ts';
import { auditTermsOf, openAudit } from './audit.ts';
import type { Edge } from './commands.ts';
import { type Assembly, Ending, live, oneAtATime } from './lifecycle.ts';
import { LoadProgress } from './load-progress.ts';
import type { Options } from './options.ts';
import { pasteLine } from './paste-line.ts';
import type { Endpoint } from './plan.ts';
import { toolsOf } from './scratch-tools.ts';
import { materialText } from './tls-files.ts';

/** The result is the exit code, or why it could not start in one line. */
export async function serveUntilEnded(options: Options, { cwd, print, onSignal }: Edge): Promise<Result<number>> {
  const ending = new Ending();
  const parts = await assemble(options, ending, cwd);
  if (!parts.ok) return parts;
  const { log, plan } = parts.value;
  const lock = FolderLock.take(plan.dataFolder);
  if (!lock.ok) {
    await dismantle(parts.value);
    return lock;
  }
  return live(new Serving(parts.value, lock.value, options, cwd), ending, { log, print, onSignal });
}

class Serving implements Assembly {
  readonly pasteLine: string;
  readonly facts: Assembly['facts'];
  private readonly parts: Parts;
  private readonly lock: FolderLock;
  private readonly options: Options;
  private readonly cwd: string;
  private readonly timer: ReturnType<typeof setInterval>;
  private watch: FolderWatch | undefined;
  private material: TlsMaterial | undefined;

  constructor(parts: Parts, lock: FolderLock, options: Options, cwd: string) {
    this.parts = parts;
    this.lock = lock;
    this.options = options;
    this.cwd = cwd;
    this.pasteLine = lineFor(parts);
    const { plan } = parts;
    this.facts = { tls: shown(plan.tls), plain: shown(plan.plain), shards: plan.shards };
    this.watch = undefined;
    this.material = undefined;
    this.timer = setInterval(() => {
      parts.server.sample();
      parts.persistence.tick();
      if (!parts.gateway.isLoading) parts.backups.tick();
      parts.lines.sweep();
    }, SAMPLE_MS);
    this.timer.unref();
  }

  async open(): Promise<Result<void>> {
    const { plan, gateway, governance, server, log, readTls } = this.parts;
    const { policy } = governance;
    if (plan.trustLoopback) {
      log.write(
        'warn',
        'trust.loopback',
        'loopback needs no password and has no limits: for tests and benchmarks only',
      );
    }
    gateway.attach(server);
    const audited = this.beginAudit();
    if (!audited.ok) return audited;
    if (plan.tls !== undefined) {
      const material = readTls();
      if (!material.ok) return material;
      this.material = material.value;
      const { addresses, proxies } = policy.gateway.tls;
      const opened = await gateway.listen({ ...plan.tls, addresses, proxies, tls: material.value });
      if (!opened.ok) return opened;
    }
    if (plan.plain !== undefined) {
      const { addresses, proxies } = policy.gateway.plain;
      const opened = await gateway.listen({ ...plan.plain, addresses, proxies, tls: undefined });
      if (!opened.ok) return opened;
    }
    return success(undefined);
  }

  /** Before anybody can come, and behind the lock: a trail has one writer. */
  private beginAudit(): Result<void> {
    const { plan, governance, gateway, log, files } = this.parts;
    const settings = governance.policy.gateway.audit;
    const read = {
      readSecret: (name: string) => files.readPassword(name),
      readBeside: (name: string) => files.readBeside(name),
    };
    const { dataFolder } = plan;
    const { cwd } = this;
    const opened = openAudit({ settings, dataFolder, cwd, disk: realDisk, clock: systemClock, log, ...read });
    if (!opened.ok) return opened;
    if (opened.value !== undefined) gateway.core.security.record(opened.value, auditTermsOf(settings));
    return success(undefined);
  }

  async load(): Promise<Result<void>> {
    const { storage, gateway, server, files, tlsFingerprint } = this.parts;
    const deadline_ms = performance.now() + STORAGE_START_MS_MAX;
    while (!storage.hasStarted()) {
      if (performance.now() > deadline_ms) return failure('the threads of the storage do not start');
      await sleep(1);
    }
    const loaded = await this.bringBack();
    if (!loaded.ok) return loaded;
    gateway.serve(server);
    const reload = oneAtATime(() => this.reload('file change'));
    this.watch = new FolderWatch({
      folders: [...files.watchedFolders(), this.options.certificatesFolder],
      fingerprint: () => `${files.fingerprint()}\n${tlsFingerprint()}`,
      changed: reload,
      settle_ms: POLICY_SETTLE_MS,
      settleMax_ms: POLICY_SETTLE_MS_MAX,
      poll_ms: POLICY_POLL_MS,
    });
    return success(undefined);
  }

  /** Loads what was kept, and says how that goes. */
  private async bringBack(): Promise<Result<void>> {
    const { storage, log } = this.parts;
    const divided = await this.divide();
    if (!divided.ok) return divided;
    const { durability } = storage.backend;
    const from_ms = performance.now();
    const progress = new LoadProgress(log, () => durability.status());
    const loaded = await durability.load();
    progress.end();
    if (!loaded.ok) return loaded;
    const took_ms = Math.round(performance.now() - from_ms);
    for (const [shard, { source, paths, keys, expired, records }] of loaded.value.entries()) {
      const why = SOURCES[source];
      log.write('info', 'store.loaded', why, { shard, files: paths.join(' '), keys, expired, records, took_ms });
    }
    return success(undefined);
  }

  /** What is there may be of another number of shards. */
  private async divide(): Promise<Result<void>> {
    const { plan, log, server } = this.parts;
    const { shards, dataFolder } = plan;
    const from_ms = performance.now();
    const tools = toolsOf(server.table, plan.settings.logLoadTruncated);
    const form = plan.settings.appendonly ? 'log' : 'dump';
    const done = await redistribute(tools, dataFolder, shards, form, (from) => {
      log.write('info', 'store.redistributing', 'the data is divided among another number of shards', { from, shards });
    });
    if (!done.ok) return done;
    if (done.value === undefined) return success(undefined);
    const { from, keys, warnings } = done.value;
    for (const warning of warnings) log.write('warn', 'store.load_warning', warning, {});
    const took_ms = Math.round(performance.now() - from_ms);
    log.write('info', 'store.redistributed', 'the data has been divided anew', { from, shards, keys, took_ms });
    return success(undefined);
  }

  async reload(cause: string): Promise<void> {
    this.parts.governance.reload(cause);
    if (this.parts.plan.tls !== undefined) this.reloadTls(cause);
  }

  private reloadTls(cause: string): void {
    const { log, gateway, readTls } = this.parts;
    const material = readTls();
    if (!material.ok) {
      log.write('error', 'tls.refused', 'the certificates in use stay', { cause, problem: material.fault });
      return;
    }
    if (this.material !== undefined && materialText(material.value) === materialText(this.material)) return;
    const replaced = gateway.replaceTls(material.value);
    if (!replaced.ok) {
      log.write('error', 'tls.refused', 'the certificates in use stay', { cause, problem: replaced.fault });
      return;
    }
    this.material = material.value;
    log.write('info', 'tls.replaced', 'new handshakes get the new certificates', { cause });
  }

  async drain(reason: string): Promise<void> {
    this.watch?.close();
    await this.parts.gateway.drain();
    if (reason === 'SHUTDOWN') return;
    const saved = await this.parts.persistence.saveAtEnd(undefined);
    if (!saved.ok) this.parts.log.write('error', 'store.save_failed', saved.fault, {});
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.watch?.close();
    await dismantle(this.parts);
    this.lock.release();
  }
}

/** Why these files were loaded and no others. */
const SOURCES: Readonly<Record<'log' | 'dump' | 'nothing', string>> = {
  log: 'the log was loaded, as there is one',
  dump: 'the dump was loaded, as there is no log',
  nothing: 'there was nothing to load: neither log nor dump',
};

function shown(endpoint: Endpoint | undefined): string {
  return endpoint === undefined ? 'none' : `${endpoint.bind}:${endpoint.port}`;
}

function lineFor({ plan, firstStart }: Parts): string {
  const endpoint = plan.tls ?? plan.plain;
  return pasteLine({
    host: endpoint?.bind ?? '',
    port: endpoint?.port ?? 0,
    caPath: plan.tls === undefined ? undefined : firstStart.certificates.caPath,
    login: plan.trustLoopback ? undefined : { user: 'app', passwordPath: firstStart.appPasswordPath },
  });
}
