/**
 * Requests kept for later, in the order in which they came: what a transaction queues. Their bytes stand in one buffer and
 * the ends of their arguments in another, so that a million small ones are two blocks of memory and not a million objects.
 */
import { copyRange } from '../base/bytes.ts';
import { REQUEST_LIST_INITIAL_BYTES } from '../base/limits.ts';
import type { Request } from './request.ts';

/** Where a walk over the list is. An object with one method: a generator costs several times as much for each step. */
class Reading implements Iterator<Request> {
  private readonly bytes: Uint8Array;
  private readonly words: Int32Array;
  private readonly result: { done: boolean; value: Request };
  private left: number;
  private start: number;
  private word: number;

  constructor(bytes: Uint8Array, words: Int32Array, count: number, request: Request) {
    this.bytes = bytes;
    this.words = words;
    this.result = { done: false, value: request };
    this.left = count;
    this.start = 0;
    this.word = 0;
  }

  next(): IteratorResult<Request> {
    const { result, words } = this;
    if (this.left-- <= 0) {
      result.done = true;
      return result;
    }
    const request = result.value;
    const argc = words[this.word++] as number;
    let { offsets } = request;
    while (2 * argc > offsets.length) offsets = request.growOffsets();
    request.bytes = this.bytes;
    request.argc = argc;
    const first = this.start;
    for (let i = 0; i < argc; i++) {
      offsets[2 * i] = this.start;
      this.start = words[this.word++] as number;
      offsets[2 * i + 1] = this.start;
    }
    request.wireBytes = this.start - first;
    return result;
  }
}

export class RequestList {
  count: number;
  private bytes: Uint8Array;
  private length: number;
  /** Of each request the number of its arguments, and of each argument its end in `bytes`. */
  private words: Int32Array;
  private wordCount: number;

  constructor() {
    this.count = 0;
    this.bytes = Buffer.allocUnsafeSlow(REQUEST_LIST_INITIAL_BYTES);
    this.length = 0;
    this.words = new Int32Array(REQUEST_LIST_INITIAL_BYTES / 4);
    this.wordCount = 0;
  }

  /** What a request takes, as far as it is accounted for. */
  static bytesOf(request: Request): number {
    let bytes = 4 * (1 + request.argc);
    for (let i = 0; i < request.argc; i++) bytes += request.length(i);
    return bytes;
  }

  get heldBytes(): number {
    return this.bytes.length + 4 * this.words.length;
  }

  /** Nothing is kept any more, but for the memory. What was shown of it is worth nothing from now on. */
  clear(): void {
    this.count = 0;
    this.length = 0;
    this.wordCount = 0;
  }

  /** Copies the request. */
  add(request: Request): void {
    const { argc } = request;
    if (this.wordCount + argc + 1 > this.words.length) this.growWords(this.wordCount + argc + 1);
    this.words[this.wordCount++] = argc;
    for (let i = 0; i < argc; i++) {
      const start = request.start(i);
      const end = request.end(i);
      if (this.length + end - start > this.bytes.length) this.growBytes(this.length + end - start);
      copyRange(request.bytes, start, end, this.bytes, this.length);
      this.length += end - start;
      this.words[this.wordCount++] = this.length;
    }
    this.count++;
  }

  /** Lays them one after the other into `request`; what it shows is valid as long as this list, until the next. */
  each(request: Request): Iterable<Request> {
    return { [Symbol.iterator]: () => new Reading(this.bytes, this.words, this.count, request) };
  }

  private growBytes(wanted: number): void {
    let size = this.bytes.length;
    while (size < wanted) size *= 2;
    const grown = Buffer.allocUnsafeSlow(size);
    copyRange(this.bytes, 0, this.length, grown, 0);
    this.bytes = grown;
  }

  private growWords(wanted: number): void {
    let size = this.words.length;
    while (size < wanted) size *= 2;
    const grown = new Int32Array(size);
    grown.set(this.words);
    this.words = grown;
  }
}
