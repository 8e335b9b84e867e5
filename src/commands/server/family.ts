/** The server family, as far as it runs at the gateway. */
import type { Declaration } from '../../command/spec.ts';
import { backup } from './backup.ts';
import { asking, cluster, readonly, readwrite } from './cluster.ts';
import { command } from './command.ts';
import { config } from './config.ts';
import { latency } from './latency.ts';
import { lolwut } from './lolwut.ts';
import { monitor } from './monitor.ts';
import { bgrewriteaof, bgsave, lastsave, save } from './persistence.ts';
import { policy } from './policy.ts';
import { info, shutdown, time } from './process.ts';
import { module, role } from './role.ts';
import { slowlog } from './slowlog.ts';
import { tenant } from './tenant.ts';

export const serverDeclarations: readonly Declaration[] = [
  asking,
  backup,
  bgrewriteaof,
  bgsave,
  cluster,
  command,
  config,
  info,
  lastsave,
  latency,
  lolwut,
  module,
  monitor,
  policy,
  readonly,
  readwrite,
  role,
  save,
  shutdown,
  slowlog,
  tenant,
  time,
];
