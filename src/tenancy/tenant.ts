/**
 * Tenants of the process: numbers for the data path, names for people, budgets for everybody.
 *
 * Invariant: a number belongs to one name until its data has been dropped. A tenant whose file disappears is retired, not
 * forgotten: its users are gone and its data stays, so that a file deleted by mistake and put back costs nothing.
 */
import type { Allowlist } from '../base/cidr.ts';
import { TENANTS_MAX } from '../base/limits.ts';
import { DEFAULT_TENANT, SYSTEM_TENANT } from '../base/names.ts';
import { failure, type Result, success } from '../base/result.ts';
import { type Budget, NO_BUDGET } from './budget.ts';
import { Rates } from './rate.ts';

export { DEFAULT_TENANT, SYSTEM_TENANT };

/** What policy says of a tenant. */
export interface TenantTerms {
  readonly name: string;
  readonly budget: Budget;
  /** Undefined lets everybody in. */
  readonly addresses: Allowlist | undefined;
  /** Nobody of it may connect or run anything; its data stays. */
  readonly suspended: boolean;
}

/**
 * `active`: in the policy. `suspended`: in the policy, but shut. `retired`: no longer in the policy.
 */
export type TenantState = 'active' | 'suspended' | 'retired';

export class Tenant {
  /** Dense, from 0; index of the tenant's realm and accounts. */
  readonly number: number;
  readonly name: string;
  readonly isSystem: boolean;
  budget: Budget;
  addresses: Allowlist | undefined;
  state: TenantState;
  /** Open connections of its users; kept by the gateway, which adds and takes away. */
  connections: number;
  /** Bytes queued by its transactions; kept by the gateway. */
  queuedBytes: number;
  readonly rates: Rates;

  constructor(number: number, terms: TenantTerms, now_ms: number) {
    this.number = number;
    this.name = terms.name;
    this.isSystem = terms.name === SYSTEM_TENANT;
    this.budget = terms.budget;
    this.addresses = terms.addresses;
    this.state = terms.suspended ? 'suspended' : 'active';
    this.connections = 0;
    this.queuedBytes = 0;
    this.rates = new Rates(terms.budget, now_ms);
  }

  get isOpen(): boolean {
    return this.state === 'active';
  }

  /** Whether one more connection would be within the budget. */
  get hasRoomForConnection(): boolean {
    return this.budget.connections === 0 || this.connections < this.budget.connections;
  }

  /** Live connections feel it at their next command, as they hold the tenant and not its terms. */
  adopt(terms: TenantTerms, now_ms: number): void {
    this.budget = terms.budget;
    this.addresses = terms.addresses;
    this.state = terms.suspended ? 'suspended' : 'active';
    this.rates.adopt(terms.budget, now_ms);
  }
}

/** What applying terms did. `updated` are tenants that were there and stay. */
export interface TenantsApplied {
  readonly added: readonly Tenant[];
  readonly updated: readonly Tenant[];
  readonly retired: readonly Tenant[];
}

export class TenantRegistry {
  private readonly byName: Map<string, Tenant>;
  private readonly byNumber: (Tenant | undefined)[];

  constructor() {
    this.byName = new Map();
    this.byNumber = [];
  }

  /** Retired ones too: look at `state`. */
  get(name: string): Tenant | undefined {
    return this.byName.get(name);
  }

  at(number: number): Tenant | undefined {
    return this.byNumber[number];
  }

  /** Every tenant that has a number, in order of number. */
  all(): readonly Tenant[] {
    return this.byNumber.filter((tenant) => tenant !== undefined);
  }

  /** Makes the terms hold, all or nothing. `now_ms` is monotonic. */
  apply(terms: readonly TenantTerms[], now_ms: number): Result<TenantsApplied> {
    const names = new Set(terms.map(({ name }) => name));
    const news = terms.filter(({ name }) => !this.byName.has(name));
    if (names.size !== terms.length) return failure('two tenants have the same name');
    if (this.byName.size + news.length > TENANTS_MAX) return failure(`more than ${TENANTS_MAX} tenants`);
    const updated: Tenant[] = [];
    for (const one of terms) {
      const tenant = this.byName.get(one.name);
      if (tenant === undefined) continue;
      tenant.adopt(one, now_ms);
      updated.push(tenant);
    }
    const retired = this.all().filter(({ name, state }) => state !== 'retired' && !names.has(name));
    for (const tenant of retired) tenant.state = 'retired';
    const added = news.map((one) => this.add(one, now_ms));
    return success({ added, updated, retired });
  }

  /** The tenant of that name; where there is none, one that is retired from the start: its data was found on the disk. */
  retire(name: string, now_ms: number): Tenant {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const tenant = this.add({ name, budget: NO_BUDGET, addresses: undefined, suspended: false }, now_ms);
    tenant.state = 'retired';
    return tenant;
  }

  /** The data of a retired tenant is gone: its number may serve another. False when it is in use. */
  forget(name: string): boolean {
    const tenant = this.byName.get(name);
    if (tenant === undefined || tenant.state !== 'retired' || tenant.connections > 0) return false;
    this.byName.delete(name);
    this.byNumber[tenant.number] = undefined;
    return true;
  }

  private add(terms: TenantTerms, now_ms: number): Tenant {
    const free = this.byNumber.indexOf(undefined);
    const tenant = new Tenant(free < 0 ? this.byNumber.length : free, terms, now_ms);
    this.byNumber[tenant.number] = tenant;
    this.byName.set(terms.name, tenant);
    return tenant;
  }
}
