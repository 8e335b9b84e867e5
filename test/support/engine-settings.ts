/** The engine of a fresh install, for tests that make a backend by hand: no limit, nothing evicted, nothing told. */
import { COLLECTION_LIMITS_DEFAULT } from '../../src/base/collection-limits.ts';
import type { EngineSettings } from '../../src/command/ports/backend.ts';

export const ENGINE_SETTINGS: EngineSettings = {
  maxmemoryBytes: 0,
  maxmemoryPolicy: 'noeviction',
  maxmemorySamples: 5,
  ...COLLECTION_LIMITS_DEFAULT,
  lfuLogFactor: 10,
  lfuDecayMinutes: 1,
  activeExpireEffort: 1,
  protoMaxBulkBytes: 512 * 1024 * 1024,
  keyspaceEvents: 0,
  trackingTableMaxKeys: 0,
  slowlogSlowerThan_us: 10_000,
  latencyThreshold_ms: 0,
  expiresActively: true,
};
