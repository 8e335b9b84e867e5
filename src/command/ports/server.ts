/** What a session command may ask of the process as a whole. The composition root implements it. */
import type { Refusal } from '../../resp/refusals.ts';
import type { CommandTable } from '../table.ts';
import type { Backend } from './backend.ts';
import type { InsightPort } from './insight.ts';
import type { BackupPort, PersistencePort } from './persistence.ts';
import type { PolicyPort } from './policy.ts';
import type { SessionPort } from './session.ts';

/** A tenant as operators see it. A limit of 0 is none. */
export interface TenantView {
  readonly name: string;
  readonly users: number;
  readonly connections: number;
  readonly connectionsMax: number;
  readonly usedBytes: number;
  readonly limitBytes: number;
  readonly policy: string;
  readonly commandsPerSecondMax: number;
  readonly bytesInPerSecondMax: number;
  readonly bytesOutPerSecondMax: number;
}

/** A user that has a budget of its own: what it may use, and how often that was not enough since the server began. */
export interface UserUseView {
  readonly name: string;
  /** That of a token; empty: a user of the files. */
  readonly role: string;
  readonly connections: number;
  readonly connectionsMax: number;
  readonly connectionsPerSecondMax: number;
  readonly commandsPerSecondMax: number;
  readonly bytesInPerSecondMax: number;
  readonly bytesOutPerSecondMax: number;
  readonly commandsRefused: number;
  readonly commandsDelayed: number;
  readonly connectionsRefused: number;
}

/** The first of them, and how many more there are. */
export interface UserUses {
  readonly shown: readonly UserUseView[];
  readonly unlisted: number;
}

/** SHUTDOWN's words. */
export interface ShutdownOrder {
  /** SAVE, NOSAVE, or as configured. */
  readonly save: boolean | undefined;
  readonly now: boolean;
  readonly force: boolean;
}

export interface ServerPort {
  readonly table: CommandTable;
  readonly backend: Backend;
  readonly insight: InsightPort;
  readonly persistence: PersistencePort;
  readonly backups: BackupPort;
  readonly policy: PolicyPort;
  readonly startedAt_ms: number;
  /** 40 hexadecimal digits, new at every start: INFO's run_id. */
  readonly runId: string;
  nowMs(): number;
  /** The text of INFO for these sections (lower case; empty means the default ones), as far as the session may see it. */
  info(sections: readonly string[], session: SessionPort): string;
  /** Name and value of every option that matches one of the patterns and that the session may see. */
  configGet(patterns: readonly Uint8Array[], session: SessionPort): readonly (readonly [name: string, value: string])[];
  /** All of them or none; the refusal names the first that cannot be set. */
  configSet(pairs: readonly (readonly [name: string, value: string])[], session: SessionPort): Refusal | undefined;
  /** CONFIG RESETSTAT. */
  resetStatistics(session: SessionPort): void;
  /** Every tenant, the one of operators included. */
  tenants(): readonly TenantView[];
  /** The budgets of a tenant's users. */
  userUses(tenantName: string): UserUses;
  /** Begins an orderly end; false when nothing may be ended now. */
  shutdown(how: ShutdownOrder): boolean;
  /** False when no end is under way that could still be called off. */
  abortShutdown(): boolean;
  /** Whether DEBUG may be used on this session. */
  debugAllowed(session: SessionPort): boolean;
  /** Stops the world for so long; DEBUG SLEEP. */
  sleep(duration_ms: number): void;
  /** DEBUG SET-ACTIVE-EXPIRE: whether expired keys are looked for in the background. */
  setActiveExpire(on: boolean): void;
}
