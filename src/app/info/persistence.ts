/** INFO persistence, field for field as redis-server has it. */
import type { Picture } from './picture.ts';
import type { Line } from './sections.ts';

function flag(isSo: boolean): number {
  return isSo ? 1 : 0;
}

function status(isGood: boolean): string {
  return isGood ? 'ok' : 'err';
}

/** Only while it loads. */
function loading({ process, durability }: Picture): readonly Line[] {
  if (!process.loading) return [];
  const { loadedBytes, loadTotalBytes } = durability;
  const for_s = Math.max(1, Math.floor((process.now_ms - process.startedAt_ms) / 1000));
  const share = loadTotalBytes === 0 ? 0 : (loadedBytes / loadTotalBytes) * 100;
  const left_s = loadedBytes === 0 ? 1 : Math.ceil((for_s * (loadTotalBytes - loadedBytes)) / loadedBytes);
  return [
    ['loading_start_time', Math.floor(process.startedAt_ms / 1000)],
    ['loading_total_bytes', loadTotalBytes],
    ['loading_rdb_used_mem', 0],
    ['loading_loaded_bytes', loadedBytes],
    ['loading_loaded_perc', share.toFixed(2)],
    ['loading_eta_seconds', left_s],
  ];
}

/** Only while there is a log. */
function log({ durability }: Picture): readonly Line[] {
  if (!durability.isLogging) return [];
  return [
    ['aof_current_size', durability.logBytes],
    ['aof_base_size', durability.logBaseBytes],
    ['aof_pending_rewrite', 0],
    ['aof_buffer_length', durability.bufferedBytes],
    ['aof_pending_bio_fsync', durability.pendingSyncs],
    ['aof_delayed_fsync', durability.delayedSyncs],
  ];
}

/** Ours, and no business of tenants. */
function backup({ isOperator, backups }: Picture): readonly Line[] {
  if (!isOperator) return [];
  return [
    ['portcullis_last_backup_time', Math.floor(backups.last_ms / 1000)],
    ['portcullis_last_backup_status', status(backups.isLastGood)],
    ['portcullis_backup_in_progress', flag(backups.isRunning)],
    ['portcullis_backups', backups.taken],
    ['portcullis_backup_failures', backups.failures],
  ];
}

export function persistence(picture: Picture): readonly Line[] {
  const { process, durability } = picture;
  const { isSaving, isRewriting, keysVisited, keysTotal, lastSave_ms } = durability;
  const isAtWork = isSaving || isRewriting;
  const share = isAtWork && keysTotal > 0 ? (keysVisited / keysTotal) * 100 : 0;
  return [
    ['loading', flag(process.loading)],
    ['async_loading', 0],
    ['current_cow_peak', 0],
    ['current_cow_size', 0],
    ['current_cow_size_age', 0],
    ['current_fork_perc', share.toFixed(2)],
    ['current_save_keys_processed', isAtWork ? keysVisited : 0],
    ['current_save_keys_total', isAtWork ? keysTotal : 0],
    ['rdb_changes_since_last_save', durability.changesSinceSave],
    ['rdb_bgsave_in_progress', flag(isSaving)],
    ['rdb_last_save_time', Math.floor((lastSave_ms === 0 ? process.startedAt_ms : lastSave_ms) / 1000)],
    ['rdb_last_bgsave_status', status(durability.isLastSaveGood)],
    ['rdb_last_bgsave_time_sec', durability.lastSaveTook_s],
    ['rdb_current_bgsave_time_sec', durability.savingFor_s],
    ['rdb_saves', durability.saves],
    ['rdb_last_cow_size', 0],
    ['rdb_last_load_keys_expired', durability.keysExpiredOnLoad],
    ['rdb_last_load_keys_loaded', durability.keysLoaded],
    ['aof_enabled', flag(durability.isLogging)],
    ['aof_rewrite_in_progress', flag(isRewriting)],
    ['aof_rewrite_scheduled', flag(durability.isRewriteScheduled)],
    ['aof_last_rewrite_time_sec', durability.lastRewriteTook_s],
    ['aof_current_rewrite_time_sec', durability.rewritingFor_s],
    ['aof_last_bgrewrite_status', status(durability.isLastRewriteGood)],
    ['aof_rewrites', durability.rewrites],
    ['aof_rewrites_consecutive_failures', durability.rewriteFailures],
    ['aof_last_write_status', status(durability.isLastWriteGood)],
    ['aof_last_cow_size', 0],
    ['module_fork_in_progress', 0],
    ['module_fork_last_cow_size', 0],
    ...log(picture),
    ...loading(picture),
    ...backup(picture),
  ];
}
