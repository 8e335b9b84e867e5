/** Whose the entries are that follow in an RDB file: said where that changes, and nowhere else. */
import type { RdbFileWriter } from '../rdb/file-writer.ts';

export class WritingPlace {
  private tenant: string;
  private database: number;

  /** @param tenant whose the entries are of which nothing is said */
  constructor(tenant: string) {
    this.tenant = tenant;
    this.database = -1;
  }

  /** What is written next stands behind what has come to that place. */
  follow({ tenant, database }: WritingPlace): void {
    this.tenant = tenant;
    this.database = database;
  }

  /** Names the tenant when it is another one. @returns whether the caller has to name the database, with what it knows of it */
  moves(writer: RdbFileWriter, tenant: string, database: number): boolean {
    if (tenant !== this.tenant) {
      writer.tenant(tenant);
      this.tenant = tenant;
      this.database = -1;
    }
    const isOther = database !== this.database;
    this.database = database;
    return isOther;
  }
}
