/** All users at one moment. Immutable: a change makes a new roster with the next version. */
import type { User } from './user.ts';

export class Roster {
  readonly version: number;
  private readonly byName: ReadonlyMap<string, User>;

  constructor(version: number, users: Iterable<User>) {
    this.version = version;
    this.byName = new Map(Array.from(users, (user) => [user.name, user]));
  }

  get(name: string): User | undefined {
    return this.byName.get(name);
  }

  /** In order of name, as ACL LIST shows them. */
  users(): readonly User[] {
    return Array.from(this.byName.values()).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  with(user: User): Roster {
    return new Roster(this.version + 1, [...this.byName.values(), user]);
  }

  without(name: string): Roster {
    const left = Array.from(this.byName.values()).filter((user) => user.name !== name);
    return new Roster(this.version + 1, left);
  }
}
