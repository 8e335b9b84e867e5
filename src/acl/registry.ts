/** The one place that holds the current roster. Whoever needs to act on a change listens here. */
import { Roster } from './roster.ts';

export class AclRegistry {
  roster: Roster;
  private readonly listeners: ((before: Roster, after: Roster) => void)[];

  constructor(roster: Roster = new Roster(0, [])) {
    this.roster = roster;
    this.listeners = [];
  }

  onChange(listener: (before: Roster, after: Roster) => void): void {
    this.listeners.push(listener);
  }

  /** Puts a roster in force, with a version above the one before. */
  swap(next: Roster): void {
    const before = this.roster;
    this.roster = next.version > before.version ? next : new Roster(before.version + 1, next.users());
    for (const listener of this.listeners) listener(before, this.roster);
  }
}
