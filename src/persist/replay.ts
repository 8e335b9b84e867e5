/**
 * Plays the records of one file: chooses tenants and databases, keeps a transaction until its EXEC is there, and hands
 * everything else to whoever runs it. A transaction without EXEC was never acknowledged and changes nothing.
 */
import { asciiLower } from '../base/ascii.ts';
import { utf8Text } from '../base/bytes.ts';
import { parseInteger } from '../base/integer.ts';
import { DATABASE_COUNT } from '../base/limits.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import { Request } from '../resp/request.ts';
import { RequestList } from '../resp/request-list.ts';
import { TENANT_RECORD } from './journal.ts';
import type { ReplayPort } from './load.ts';

const TENANT_NAME = asciiLower(TENANT_RECORD);
const NAME_BYTES_MAX = TENANT_RECORD.length;

export class Replay {
  realmNumber: number;
  /** Where the transaction begins that has no EXEC yet. */
  openAt: number | undefined;
  private readonly port: ReplayPort;
  private databaseNumber: number;
  private readonly queued: RequestList;
  private readonly request: Request;

  constructor(port: ReplayPort) {
    this.realmNumber = 0;
    this.openAt = undefined;
    this.port = port;
    this.databaseNumber = 0;
    this.queued = new RequestList();
    this.request = new Request();
  }

  /** @returns the number of the tenant that a file begins in. */
  async begin(): Promise<number> {
    this.realmNumber = await this.port.tenantNumber(DEFAULT_TENANT);
    return this.realmNumber;
  }

  /** @returns what is wrong with the record. */
  take(request: Request, offset: number): string | undefined | Promise<string | undefined> {
    const name = request.length(0) > NAME_BYTES_MAX ? '' : asciiLower(request.text(0));
    if (name === 'multi') {
      if (this.openAt !== undefined) return 'MULTI within MULTI';
      this.openAt = offset;
      return undefined;
    }
    if (name === 'exec') {
      if (this.openAt === undefined) return 'EXEC without MULTI';
      this.openAt = undefined;
      return this.runQueued();
    }
    if (this.openAt !== undefined) {
      this.queued.add(request);
      return undefined;
    }
    return this.run(request, name);
  }

  private async runQueued(): Promise<string | undefined> {
    for (const request of this.queued.each(this.request)) {
      const fault = await this.run(request, asciiLower(request.text(0)));
      if (fault !== undefined) return fault;
    }
    this.queued.clear();
    return undefined;
  }

  private run(request: Request, name: string): string | undefined | Promise<string | undefined> {
    if (name === 'select') return this.select(request);
    if (name === TENANT_NAME) return this.chooseTenant(request);
    return this.port.run(this.realmNumber, this.databaseNumber, request);
  }

  private select(request: Request): string | undefined {
    const number = request.argc === 2 ? parseInteger(request.bytes, request.start(1), request.end(1)) : Number.NaN;
    if (!(number >= 0 && number < DATABASE_COUNT)) return 'SELECT of a database that there is not';
    this.databaseNumber = number;
    return undefined;
  }

  private async chooseTenant(request: Request): Promise<string | undefined> {
    if (request.argc !== 2) return `${TENANT_RECORD} takes one name`;
    this.realmNumber = await this.port.tenantNumber(utf8Text(request.bytes, request.start(1), request.end(1)));
    this.databaseNumber = 0;
    return undefined;
  }
}
