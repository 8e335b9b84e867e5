/** The thread that reads a backup back: a value of any size takes its time here, and nobody's request waits for it. */
import { parentPort, workerData } from 'node:worker_threads';
import { realDisk } from '../../disk/real-disk.ts';
import { type BackupFacts, sealBackup } from '../../persist/backup-manifest.ts';

const { folder, facts } = workerData as { readonly folder: string; readonly facts: BackupFacts };
parentPort?.postMessage(await sealBackup(realDisk, folder, facts));
