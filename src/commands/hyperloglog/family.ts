/** The HyperLogLog commands. */
import type { Declaration } from '../../command/spec.ts';
import { pfdebug, pfselftest } from './debug.ts';
import { pfadd, pfcount, pfmerge } from './pf.ts';

export const hyperloglogDeclarations: readonly Declaration[] = [pfadd, pfcount, pfdebug, pfmerge, pfselftest];
