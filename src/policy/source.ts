/**
 * One policy file as YAML that still knows where everything stands, so that every fault has a line and a column.
 *
 * Invariant: `data` holds no more than the file says: duplicate keys, unknown tags and more than a few aliases are faults,
 * not guesses.
 */
import {
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  visit,
} from 'yaml';
import type { z } from 'zod';
import { POLICY_ALIASES_MAX, POLICY_FILE_BYTES_MAX } from '../base/limits.ts';
import type { PolicyProblem, Position } from './policy.ts';

type Path = readonly PropertyKey[];
type Document = ReturnType<typeof parseDocument>;

const SYNTAX: ReadonlyMap<string, string> = new Map([
  ['DUPLICATE_KEY', 'this key stands twice'],
  ['TAG_RESOLVE_FAILED', 'tags have no meaning here'],
  ['MULTIPLE_DOCS', 'one file holds one document'],
  ['BAD_DQ_ESCAPE', 'an escape that is none'],
]);

export class PolicySource {
  readonly file: string;
  private readonly text: string;
  private readonly document: Document;
  private readonly lines: Lines;
  private readonly data: unknown;

  private constructor(file: string, text: string, document: Document, lines: Lines, data: unknown) {
    this.file = file;
    this.text = text;
    this.document = document;
    this.lines = lines;
    this.data = data;
  }

  /** A file that is not there says nothing. */
  static empty(file: string): PolicySource {
    return new PolicySource(file, '', parseDocument(''), new Lines(''), {});
  }

  /** Undefined when the text is no YAML we take; what is wrong is added to `problems`. */
  static parse(file: string, text: string, problems: PolicyProblem[]): PolicySource | undefined {
    if (text.length > POLICY_FILE_BYTES_MAX) {
      problems.push({ file, line: 1, column: 1, message: `more than ${POLICY_FILE_BYTES_MAX} bytes` });
      return undefined;
    }
    const lines = new Lines(text);
    const document = parseDocument(text, { prettyErrors: false, stringKeys: true });
    const faults = [...document.errors, ...document.warnings];
    for (const fault of faults) {
      problems.push({
        file,
        ...lines.at(fault.pos[0]),
        message: SYNTAX.get(fault.code) ?? lowerFirst(withoutSource(joinedLines(fault.message))),
      });
    }
    if (faults.length > 0) return undefined;
    try {
      const data: unknown = document.toJS({ maxAliasCount: POLICY_ALIASES_MAX }) ?? {};
      return new PolicySource(file, text, document, lines, data);
    } catch (error) {
      const isLost = error instanceof ReferenceError && error.message.startsWith('Unresolved alias');
      const lost = isLost ? lostAlias(document) : undefined;
      const message = error instanceof ReferenceError ? 'too many aliases' : joinedLines(String(error));
      if (lost === undefined) problems.push({ file, line: 1, column: 1, message });
      else problems.push({ file, ...lines.at(lost.offset), message: `nothing is called "${lost.name}" before this` });
      return undefined;
    }
  }

  /** The file as the schema has it; undefined when it breaks the schema, and why is added to `problems`. */
  validate<Schema extends z.ZodType>(schema: Schema, problems: PolicyProblem[]): z.output<Schema> | undefined {
    const result = schema.safeParse(this.data, { reportInput: true });
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) {
          const position = this.positionOfKey([...issue.path, key]);
          problems.push({ ...position, message: `unknown key "${withoutPasswords(key)}"` });
        }
      } else {
        const name = issue.path.findLast((step) => typeof step === 'string');
        const isMissing = issue.code === 'invalid_type' && issue.input === undefined;
        const message = isMissing ? `"${String(name)}" is missing` : `${describeIssue(issue)}`;
        problems.push({ ...this.positionOf(issue.path), message });
      }
    }
    return undefined;
  }

  /** Where the value at `path` begins; of what is not there, where the nearest thing around it begins. */
  positionOf(path: Path): Position {
    for (let length = path.length; length >= 0; length--) {
      const node = nodeAt(this.document, path.slice(0, length));
      if (node?.range) return this.at(node.range[0]);
    }
    return this.at(0);
  }

  /** Where the key at the end of `path` stands. */
  positionOfKey(path: Path): Position {
    const around = nodeAt(this.document, path.slice(0, -1));
    if (isMap(around)) {
      const pair = around.items.find((item) => keyOf(item) === String(path.at(-1)));
      if (pair !== undefined && isNode(pair.key) && pair.key.range) return this.at(pair.key.range[0]);
    }
    return this.positionOf(path);
  }

  /** Where the `index`th of the blank-separated words of a text begins, or an element of a list. */
  positionOfWord(path: Path, index: number): Position {
    const node = nodeAt(this.document, path);
    if (!isScalar(node)) return this.positionOf([...path, index]);
    if (!node.range) return this.positionOf(path);
    const [begin, end] = node.range;
    const isBlock = node.type === Scalar.BLOCK_FOLDED || node.type === Scalar.BLOCK_LITERAL;
    const start = isBlock ? this.text.indexOf('\n', begin) + 1 : begin;
    const words = Array.from(this.text.slice(start, end).matchAll(/[^\s'"]+/g));
    const found = words[index];
    // A folded or escaped text may have other words than its source; then its beginning has to do.
    if (found !== undefined && wordCount(node.value) === words.length) return this.at(start + found.index);
    return this.positionOf(path);
  }

  private at(offset: number): Position {
    return { file: this.file, ...this.lines.at(offset) };
  }
}

/** Where lines begin. The parser's own counter misses the ends of lines inside some scalars. */
class Lines {
  private readonly starts: readonly number[];
  private readonly length: number;

  constructor(text: string) {
    const starts = [0];
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
    this.starts = starts;
    this.length = text.length;
  }

  at(offset: number): Pick<Position, 'line' | 'column'> {
    const inside = Math.max(0, Math.min(offset, this.length));
    let low = 0;
    let high = this.starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.starts[middle] as number) <= inside) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: inside - (this.starts[low] as number) + 1 };
  }
}

/** The first alias to an anchor that does not stand before it. */
function lostAlias(document: Document): { readonly name: string; readonly offset: number } | undefined {
  let lost: { readonly name: string; readonly offset: number } | undefined;
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return undefined;
      lost = { name: alias.source, offset: alias.range?.[0] ?? 0 };
      return visit.BREAK;
    },
  });
  return lost;
}

/** The parser quotes what it stumbled upon behind a colon; that may be a rule with a password, and messages go to a log. */
function withoutSource(text: string): string {
  return text.replace(/: .*$/, '');
}

/**
 * A password, or what was meant to be its hash, must not be read back from a log: nothing is shown behind the mark that ACL
 * rules have in front of one, wherever it stands, as the blank before it may be missing and blanks may be within it.
 */
export function withoutPasswords(text: string): string {
  return text.replace(/([><#!]).*$/s, '$1…');
}

function joinedLines(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}

/** The node at a path, aliases followed. */
function nodeAt(document: Document, path: Path): Node | undefined {
  let node: unknown = document.contents;
  for (const step of path) {
    if (!isNode(node)) return undefined;
    const resolved = isAlias(node) ? node.resolve(document) : node;
    if (!isMap(resolved) && !isSeq(resolved)) return undefined;
    node = resolved.get(step, true);
  }
  return isNode(node) ? node : undefined;
}

function wordCount(value: unknown): number {
  return String(value).match(/\S+/g)?.length ?? 0;
}

function keyOf(item: unknown): string | undefined {
  if (!isPair(item)) return undefined;
  const { key } = item as Pair;
  return isScalar(key) ? String(key.value) : undefined;
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

const KINDS: ReadonlyMap<string, string> = new Map([
  ['string', 'a text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['object', 'a mapping'],
  ['null', 'nothing'],
]);

function kindOf(value: unknown): string {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  return KINDS.get(kind) ?? kind;
}

function describeIssue(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type': {
      const wanted = KINDS.get(issue.expected) ?? issue.expected;
      return kindOf(issue.input) === wanted ? `must be ${wanted}` : `must be ${wanted}, not ${kindOf(issue.input)}`;
    }
    case 'too_small':
      if (issue.origin === 'string') return 'must not be empty';
      return `must be at least ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'string') return `must have at most ${issue.maximum} characters`;
      if (issue.origin === 'array') return `must have at most ${issue.maximum} entries`;
      return `must be at most ${issue.maximum}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    default:
      return issue.message;
  }
}
