/** What PFSELFTEST does: elements 0, 1, 2, … into both representations, with the estimate looked at on the way. */
import { bytesOfLatin1 } from '../../base/bytes.ts';
import { countDense, denseRegister, raiseDense } from './dense.ts';
import { estimate, HISTOGRAM_LENGTH } from './estimate.ts';
import { DENSE_BYTES, HEADER_BYTES, REGISTERS } from './layout.ts';
import { countSparse } from './sparse.ts';
import { registerAndRank } from './value.ts';
import { CORRUPT, WorkingHyperloglog } from './working.ts';

/** Few enough to hold up nobody: some 20 ms. */
const ELEMENTS = 40_000;
const SPARSE_ELEMENTS = 2000;
/** The standard error of 16384 registers is 0.81 %; six times that is what Redis tolerates. */
const ERROR_MAX = 6 * 0.0081;
const INDEX_BITS = 14;

/** Every register holds what was put in, and its neighbours keep theirs. */
function registersFail(): boolean {
  const bytes = new Uint8Array(DENSE_BYTES);
  for (let i = 0; i < REGISTERS; i++) raiseDense(bytes, HEADER_BYTES, i, ((i * 7) % 63) + 1);
  for (let i = 0; i < REGISTERS; i++) if (denseRegister(bytes, HEADER_BYTES, i) !== ((i * 7) % 63) + 1) return true;
  return false;
}

function sparseCount(sparse: WorkingHyperloglog): number {
  const histogram = new Int32Array(HISTOGRAM_LENGTH);
  return countSparse(sparse.bytes, HEADER_BYTES, sparse.length, histogram) ? estimate(histogram) : -1;
}

function denseCount(dense: WorkingHyperloglog): number {
  const histogram = new Int32Array(HISTOGRAM_LENGTH);
  countDense(dense.bytes, HEADER_BYTES, histogram);
  return estimate(histogram);
}

/** What is wrong, or undefined. */
export function selfTestFailure(): string | undefined {
  if (registersFail()) return 'Registers do not hold what was put in';
  const sparse = new WorkingHyperloglog();
  const dense = new WorkingHyperloglog();
  sparse.clear();
  dense.clear();
  dense.makeDense();
  for (let i = 1; i <= ELEMENTS; i++) {
    const element = bytesOfLatin1(`${i}`);
    const packed = registerAndRank(element, 0, element.length);
    const index = packed & (REGISTERS - 1);
    const rank = packed >>> INDEX_BITS;
    const raised = dense.raise(index, rank, 0);
    const isSparse = i <= SPARSE_ELEMENTS;
    if (isSparse) {
      const outcome = sparse.raise(index, rank, Number.POSITIVE_INFINITY);
      if (outcome === CORRUPT || outcome !== raised) return `Representations disagree about element ${i}`;
    }
    if (i % 1000 !== 0) continue;
    const count = denseCount(dense);
    if (Math.abs(count - i) > i * ERROR_MAX) return `Too large an error: ${count} of ${i} elements`;
    if (isSparse && sparseCount(sparse) !== count) return `Representations estimate ${i} elements differently`;
  }
  return undefined;
}
