/** Builds a shard and applies settings to it, the same for the inline shard and for a worker. */
import { systemClock } from '../base/clock.ts';
import { KeyedHash } from '../base/hash.ts';
import { STRING_BYTES_MAX } from '../base/limits.ts';
import { Prng } from '../base/prng.ts';
import type { EngineSettings, RealmSettings } from '../command/ports/backend.ts';
import { Account } from '../engine/account.ts';
import { Shard } from '../engine/shard.ts';
import type { SharedBudgets } from './budgets.ts';

export interface ShardBirth {
  readonly number: number;
  readonly hashKey: readonly [number, number];
  readonly seed: number;
  readonly budgets: SharedBudgets;
}

export class ShardWorld {
  readonly shard: Shard;
  private readonly birth: ShardBirth;
  private samples: number;

  constructor(birth: ShardBirth) {
    this.birth = birth;
    this.samples = 5;
    this.shard = new Shard({
      clock: systemClock,
      prng: new Prng(birth.seed),
      hash: new KeyedHash(birth.hashKey[0], birth.hashKey[1]),
      processAccount: new Account(birth.budgets.totalCells(), birth.number),
    });
  }

  /** Makes the tenant's namespace when there is none, and sets its limits. */
  configureRealm(tenantNumber: number, settings: RealmSettings): void {
    const realm = this.shard.realmIfAny(tenantNumber) ?? this.shard.addRealm(tenantNumber, this.account(tenantNumber));
    realm.account.limitBytes = settings.limitBytes;
    realm.account.policy = settings.policy;
    realm.account.samples = this.samples;
    realm.valueBytesMax = settings.valueBytesMax === 0 ? STRING_BYTES_MAX : settings.valueBytesMax;
    realm.policyChanged();
  }

  private account(tenantNumber: number): Account {
    return new Account(this.birth.budgets.cellsOf(tenantNumber), this.birth.number, this.shard.processAccount);
  }

  configureEngine(settings: EngineSettings, realms: Iterable<number>): void {
    const { shard } = this;
    shard.processAccount.limitBytes = settings.maxmemoryBytes;
    shard.processAccount.policy = settings.maxmemoryPolicy;
    shard.processAccount.samples = settings.maxmemorySamples;
    this.samples = settings.maxmemorySamples;
    for (const number of realms) {
      const realm = shard.realmIfAny(number);
      if (realm !== undefined) realm.account.samples = settings.maxmemorySamples;
    }
    shard.setLfu(settings.lfuLogFactor, settings.lfuDecayMinutes);
    shard.setExpireEffort(settings.activeExpireEffort);
    shard.setActiveExpire(settings.expiresActively);
    shard.world.valueBytesMax = settings.protoMaxBulkBytes;
    shard.world.collections = settings;
    shard.policyChanged();
  }
}
