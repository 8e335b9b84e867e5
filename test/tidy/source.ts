/** Source text as the tidy rules see it: what is code, what is prose, and what is imported. */

export interface SourceFile {
  /** From the top of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

/** Words after which a slash begins a regular expression, not a division. */
const BEFORE_REGEX = /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|instanceof|new|throw|yield|await)$/;

/**
 * The text with comments blanked and the contents of strings, templates and regular expressions too; every offset and
 * newline stays where it was. A regular expression is left as `/ /`, which valid code cannot hold otherwise.
 */
export function codeOf(text: string): string {
  return new Lexer(text).run();
}

class Lexer {
  private readonly text: string;
  private readonly out: string[];
  private at = 0;
  /** Open braces per template literal whose `${` we are inside of. */
  private readonly templates: number[] = [];

  constructor(text: string) {
    this.text = text;
    this.out = [...text.replace(/[^\n]/g, ' ')];
  }

  run(): string {
    while (this.at < this.text.length) this.step();
    return this.out.join('');
  }

  private step(): void {
    const { text, at } = this;
    const char = text.charAt(at);
    const pair = text.slice(at, at + 2);
    if (pair === '//' || (at === 0 && pair === '#!')) return this.skipTo(text.indexOf('\n', at));
    if (pair === '/*') return this.skipTo(text.indexOf('*/', at + 2) + 2);
    if (char === "'" || char === '"') return this.quoted(char);
    if (char === '`') return this.template();
    if (char === '/' && this.beginsRegex()) return this.regex();
    const depth = this.templates.length - 1;
    if (depth >= 0 && char === '{') this.templates[depth] = (this.templates[depth] ?? 0) + 1;
    if (depth >= 0 && char === '}') {
      const open = this.templates[depth] ?? 0;
      if (open === 0) {
        this.templates.pop();
        return this.template();
      }
      this.templates[depth] = open - 1;
    }
    this.keep();
  }

  private keep(): void {
    this.out[this.at] = this.text.charAt(this.at);
    this.at++;
  }

  private skipTo(end: number): void {
    this.at = end < this.at + 1 ? this.text.length : end;
  }

  private quoted(quote: string): void {
    this.keep();
    while (this.at < this.text.length && this.text.charAt(this.at) !== quote && this.text.charAt(this.at) !== '\n') {
      this.at += this.text.charAt(this.at) === '\\' ? 2 : 1;
    }
    if (this.at < this.text.length) this.keep();
  }

  /** From a backtick, or from the brace that closes a `${}`, to the next of either. */
  private template(): void {
    this.keep();
    while (this.at < this.text.length) {
      if (this.text.charAt(this.at) === '`') return this.keep();
      if (this.text.startsWith('${', this.at)) {
        this.keep();
        this.keep();
        this.templates.push(0);
        return;
      }
      this.at += this.text.charAt(this.at) === '\\' ? 2 : 1;
    }
  }

  private beginsRegex(): boolean {
    const before = this.out
      .slice(Math.max(0, this.at - 200), this.at)
      .join('')
      .trimEnd();
    return before === '' || /[(,=:[!&|?{};+\-*%<>~^]$/.test(before) || BEFORE_REGEX.test(before);
  }

  private regex(): void {
    this.keep();
    let inClass = false;
    while (this.at < this.text.length) {
      const char = this.text.charAt(this.at);
      if (char === '\n' || (char === '/' && !inClass)) break;
      if (char === '[') inClass = true;
      if (char === ']') inClass = false;
      this.at += char === '\\' ? 2 : 1;
    }
    if (this.at < this.text.length) this.keep();
  }
}

const STATEMENT = /(?:^|[;}\n])\s*(?:import|export)\s+(type\s+(?!from\b))?(?:[\w$*{][\w$*{},\s]*?\sfrom\s*)?['"]/g;
const CALL = /\bimport\s*\(\s*['"]/g;

/** Every module the file names: static, re-exported and dynamic. */
export function importsOf(text: string): Import[] {
  const code = codeOf(text);
  const found: Import[] = [];
  for (const pattern of [STATEMENT, CALL]) {
    for (const match of code.matchAll(pattern)) {
      const start = match.index + match[0].length;
      const end = code.indexOf(code.charAt(start - 1), start);
      found.push({
        specifier: text.slice(start, end),
        typeOnly: pattern === STATEMENT && match[1] !== undefined,
        line: lineAt(text, start),
      });
    }
  }
  return found;
}

export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i !== -1 && i < offset; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

/** The comment a file opens with, or nothing. */
export function headerOf(text: string): string {
  return /^\s*\/\*[\s\S]*?\*\//.exec(text)?.[0] ?? /^(?:\s*\/\/[^\n]*\n)+/.exec(text)?.[0] ?? '';
}
