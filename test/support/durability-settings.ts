import type { DurabilitySettings } from '../../src/command/ports/durability.ts';

/** A log that is synced every second and never rewritten of its own accord. */
export const DURABILITY_SETTINGS: DurabilitySettings = {
  appendonly: true,
  appendfsync: 'everysec',
  logLoadTruncated: true,
  logRewritePercent: 0,
  logRewriteMinBytes: 0,
  stopsWritesOnSaveError: false,
};
