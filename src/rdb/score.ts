/** Scores as text: those of small sorted sets that are no integers, and of all in the oldest RDB files. */
import { latin1 } from '../base/bytes.ts';
import { parsePlainDecimal } from '../base/decimal.ts';

// cold: built once per process
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
/** No double needs more digits to be told from its neighbours. */
const TEXT_BYTES_MAX = 128;

/** The double that a text spells as printf does, NaN for anything else. */
export function scoreOfText(bytes: Uint8Array, start: number, end: number): number {
  const plain = parsePlainDecimal(bytes, start, end);
  if (!Number.isNaN(plain) || end - start > TEXT_BYTES_MAX) return plain;
  const text = latin1(bytes, start, end);
  if (text === 'inf') return Number.POSITIVE_INFINITY;
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  return DECIMAL.test(text) ? Number(text) : Number.NaN;
}
