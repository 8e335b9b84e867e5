/** The commands of streams. */
import type { Declaration } from '../../command/spec.ts';
import { xadd } from './add.ts';
import { xautoclaim } from './autoclaim.ts';
import { xclaim } from './claim.ts';
import { xgroup } from './group.ts';
import { xinfo } from './info.ts';
import { xack, xpending } from './pending.ts';
import { xlen, xrange, xrevrange } from './range.ts';
import { xread } from './read.ts';
import { xreadgroup } from './read-group.ts';
import { xdel, xtrim } from './remove.ts';
import { xsetid } from './setid.ts';

export const streamDeclarations: readonly Declaration[] = [
  xack,
  xadd,
  xautoclaim,
  xclaim,
  xdel,
  xgroup,
  xinfo,
  xlen,
  xpending,
  xrange,
  xread,
  xreadgroup,
  xrevrange,
  xsetid,
  xtrim,
];
