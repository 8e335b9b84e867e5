/** What the ACL commands need of the process. The composition root provides it. */
import type { Result } from '../base/result.ts';
import type { CommandTable } from '../command/table.ts';
import type { AclLog } from './log.ts';
import type { AclRegistry } from './registry.ts';

export interface AclAdmin {
  readonly registry: AclRegistry;
  readonly log: AclLog;
  /** Set once the table exists: rules name commands. */
  readonly table: () => CommandTable;
  nowMs(): number;
  /** 256 random bits or more, as hexadecimal digits. */
  randomHex(bits: number): string;
  /** ACL LOAD: reads the policies again. The fault is what to answer. */
  load(): Result<void>;
  /** ACL SAVE. */
  save(): Result<void>;
}
