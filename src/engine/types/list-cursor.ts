/**
 * A place in a list, small or large, that walks both ways. It dies with the next change of the database.
 *
 * Hot path. Budget: a step under 10 ns, reading under 15; guarded by `bench/list.ts`.
 */
import { MISSING } from '../entry.ts';
import { after, equalsEncoded, LISTPACK_HEADER_BYTES, last, previous, seek } from '../listpack.ts';
import { ElementView, LISTPACK_END_BYTE, readElement, type Scratch } from '../listpack-element.ts';
import type { ListChain } from './list-chain.ts';
import type { LargeList } from './list-large.ts';

const NO_BYTES = new Uint8Array(0);

export class ListCursor {
  /** The segment, the offset in it of the listpack, and that of the element. */
  segment: Uint8Array;
  at: number;
  p: number;
  /** MISSING in a small list. */
  node: number;
  private chain: ListChain | undefined;
  private readonly view: ElementView;

  constructor() {
    this.segment = NO_BYTES;
    this.at = 0;
    this.p = 0;
    this.node = MISSING;
    this.chain = undefined;
    this.view = new ElementView();
  }

  /** Places it on the element of that index of a listpack; the element must be there. */
  placeSmall(segment: Uint8Array, at: number, index: number): void {
    this.segment = segment;
    this.at = at;
    this.p = seek(segment, at, index);
    this.node = MISSING;
    this.chain = undefined;
  }

  /** The same in a large list. */
  placeLarge(large: LargeList, index: number): void {
    const { chain } = large;
    this.chain = chain;
    if (index === 0) {
      this.enter(chain, chain.first);
      this.p = this.at + LISTPACK_HEADER_BYTES;
    } else if (index === large.size - 1) {
      this.enter(chain, chain.last);
      this.p = last(this.segment, this.at);
    } else {
      this.enter(chain, large.nodeAt(index));
      this.p = seek(this.segment, this.at, large.indexInNode);
    }
  }

  private enter(chain: ListChain, node: number): void {
    this.node = node;
    this.segment = chain.arena.bytesOf(node);
    this.at = chain.listpackOf(node);
  }

  /** Goes to the next element; false when there is none. */
  next(): boolean {
    const behind = after(this.segment, this.p);
    if (this.segment[behind] !== LISTPACK_END_BYTE) {
      this.p = behind;
      return true;
    }
    const { chain } = this;
    const node = chain === undefined ? MISSING : chain.nextOf(this.node);
    if (chain === undefined || node === MISSING) return false;
    this.enter(chain, node);
    this.p = this.at + LISTPACK_HEADER_BYTES;
    return true;
  }

  /** Goes to the element in front; false when there is none. */
  previous(): boolean {
    const inFront = previous(this.segment, this.at, this.p);
    if (inFront !== -1) {
      this.p = inFront;
      return true;
    }
    const { chain } = this;
    const node = chain === undefined ? MISSING : chain.previousOf(this.node);
    if (chain === undefined || node === MISSING) return false;
    this.enter(chain, node);
    this.p = last(this.segment, this.at);
    return true;
  }

  /** Whether the element is the encoded one. */
  equals(encoded: Scratch): boolean {
    return equalsEncoded(this.segment, this.p, encoded.bytes, 0, encoded.length);
  }

  /** The element's text; it dies with the next `read`. */
  read(): ElementView {
    readElement(this.segment, this.p, this.view);
    return this.view;
  }
}
