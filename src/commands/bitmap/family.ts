/** The bitmap commands. */
import type { Declaration } from '../../command/spec.ts';
import { getbit, setbit } from './bit.ts';
import { bitfield, bitfieldRo } from './bitfield.ts';
import { bitop } from './bitop.ts';
import { bitcount, bitpos } from './range.ts';

export const bitmapDeclarations: readonly Declaration[] = [
  bitcount,
  bitfield,
  bitfieldRo,
  bitop,
  bitpos,
  getbit,
  setbit,
];
