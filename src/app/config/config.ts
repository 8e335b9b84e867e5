/** The options of the running process: what CONFIG GET shows to whom, and CONFIG SET as all or nothing. */
import { asciiLower } from '../../base/ascii.ts';
import { bytesOfLatin1, latin1 } from '../../base/bytes.ts';
import { Glob, matchesEverything } from '../../base/glob.ts';
import { configSetFailed, type Refusal, unknownConfigOption } from '../../resp/refusals.ts';
import { OPTIONS, type Option } from './options.ts';
import type { Facts, Settings } from './settings.ts';

/** Who looks: a user of a tenant sees the tenant's share where the process has a limit. */
export interface Viewer {
  readonly isOperator: boolean;
  /** Values shown in place of the process' own, by name of the option. */
  readonly own: ReadonlyMap<string, string>;
}

const BY_NAME: ReadonlyMap<string, Option> = new Map(OPTIONS.map((option) => [option.name, option]));
const GLOB_CHARACTER = /[*?[\\]/;

export class Config {
  private current: Settings;
  private readonly facts: Facts;
  private readonly apply: (settings: Settings) => void;

  /** `apply` is called at once, and again with every change. */
  constructor(settings: Settings, facts: Facts, apply: (settings: Settings) => void) {
    this.current = settings;
    this.facts = facts;
    this.apply = apply;
    apply(settings);
  }

  get settings(): Settings {
    return this.current;
  }

  /** A policy that was loaded anew: its word replaces whatever CONFIG SET said. */
  replace(settings: Settings): void {
    this.current = settings;
    this.apply(settings);
  }

  get(patterns: readonly Uint8Array[], viewer: Viewer): readonly (readonly [name: string, value: string])[] {
    const shown = new Set<Option>();
    for (const pattern of patterns) {
      for (const option of matching(pattern)) if (viewer.isOperator || option.seenBy === 'everyone') shown.add(option);
    }
    return Array.from(shown, (option) => {
      const own = viewer.isOperator ? undefined : viewer.own.get(option.name);
      return [option.name, own ?? option.get(this.current, this.facts)] as const;
    });
  }

  /** Names in any case, values one character per byte. */
  set(pairs: readonly (readonly [name: string, value: string])[]): Refusal | undefined {
    const changes: (readonly [Option, string])[] = [];
    for (const [name, value] of pairs) {
      const option = BY_NAME.get(asciiLower(name));
      if (option === undefined) return unknownConfigOption(name);
      if (option.set === 'immutable') return configSetFailed(option.name, "can't set immutable config");
      if (option.set === 'protected') return configSetFailed(option.name, "can't set protected config");
      if (changes.some(([earlier]) => earlier === option)) return configSetFailed(option.name, 'duplicate parameter');
      changes.push([option, value]);
    }
    let next = this.current;
    for (const [option, value] of changes) {
      if (typeof option.set !== 'function') continue;
      const changed = option.set(value, next);
      if (!changed.ok) return configSetFailed(option.name, changed.fault);
      next = changed.value;
    }
    this.replace(next);
    return undefined;
  }
}

function matching(pattern: Uint8Array): readonly Option[] {
  const text = latin1(pattern);
  if (!GLOB_CHARACTER.test(text)) {
    const option = BY_NAME.get(asciiLower(text));
    return option === undefined ? [] : [option];
  }
  if (matchesEverything(pattern)) return OPTIONS;
  const glob = new Glob(pattern, true);
  return OPTIONS.filter(({ name }) => glob.matches(bytesOfLatin1(name)));
}
