/** What a connection has queued since MULTI. Its bytes are charged to the tenant, beside those of the tenant's data. */
import { TRANSACTION_BYTES_MAX } from '../base/limits.ts';
import type { Command } from '../command/command.ts';
import { OOM, type Refusal, TRANSACTION_TOO_LARGE } from '../resp/refusals.ts';
import type { Request } from '../resp/request.ts';
import { RequestList } from '../resp/request-list.ts';
import type { Tenant } from '../tenancy/tenant.ts';

export class Transaction {
  readonly requests: RequestList;
  /** Something was refused meanwhile: EXEC will not run it. */
  isAborted: boolean;
  /** Whether it would write, as far as was queued. */
  writes: boolean;
  private readonly tenant: Tenant;
  private bytes: number;

  constructor(tenant: Tenant, requests = new RequestList()) {
    this.requests = requests;
    this.isAborted = false;
    this.writes = false;
    this.tenant = tenant;
    this.bytes = 0;
  }

  get queuedBytes(): number {
    return this.bytes;
  }

  /** @param hasRoom whether the tenant may hold so many bytes more than its data */
  add(command: Command, request: Request, hasRoom: (bytes: number) => boolean): Refusal | undefined {
    // It will not run: keeping it would be for nothing.
    if (this.isAborted) return undefined;
    const bytes = RequestList.bytesOf(request);
    if (this.bytes + bytes > TRANSACTION_BYTES_MAX) return this.refuse(TRANSACTION_TOO_LARGE);
    if (!hasRoom(this.tenant.queuedBytes + bytes)) return this.refuse(OOM);
    this.bytes += bytes;
    this.tenant.queuedBytes += bytes;
    this.requests.add(request);
    this.writes ||= command.isWrite;
    return undefined;
  }

  private refuse(refusal: Refusal): Refusal {
    this.isAborted = true;
    return refusal;
  }

  /** It is over, however it ended. */
  release(): void {
    this.tenant.queuedBytes -= this.bytes;
    this.bytes = 0;
  }
}
