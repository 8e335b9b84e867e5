/** What is compared with redis-server 7.0: the commands that it has as well, and how it is started for that. */
import type { Declaration } from '../../src/command/spec.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';

const FIRST_LATER_VERSION = '7.1';
/** DEBUG speaks of Redis' insides, and PFSELFTEST of redis-server takes seconds. */
const LEFT_OUT: readonly string[] = ['DEBUG', 'PFSELFTEST'];

export const comparable: readonly Declaration[] = shardDeclarations.filter(
  ({ name, since }) => since < FIRST_LATER_VERSION && !LEFT_OUT.includes(name),
);

/** We look at every element of a payload; redis-server does when it is told to. */
export const REFERENCE_FLAGS: readonly string[] = ['--enable-debug-command', 'yes', '--sanitize-dump-payload', 'yes'];
