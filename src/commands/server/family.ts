/** The server family, as far as it runs at the gateway. */
import type { Declaration } from '../../command/spec.ts';
import { command } from './command.ts';
import { config } from './config.ts';
import { info, lolwut, shutdown, time } from './process.ts';
import { tenant } from './tenant.ts';

export const serverDeclarations: readonly Declaration[] = [command, config, info, lolwut, shutdown, tenant, time];
