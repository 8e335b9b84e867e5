/** What operators may ask about the policy in force. The composition root implements it. */

/** What rules on trial would have refused: alike ones are one row. Texts have one character per byte. */
export interface DryRunView {
  readonly userName: string;
  readonly tenantName: string;
  readonly reason: 'command' | 'key' | 'channel';
  readonly command: string;
  /** `cart:*`: the beginning of the keys or channels; `*` for those without a colon; empty where the command is meant. */
  readonly objectClass: string;
  readonly count: number;
  readonly firstAt_ms: number;
  readonly lastAt_ms: number;
}

export interface PolicyPort {
  /** The policy in force as JSON, for the tool `diff`; passwords only as fingerprints of their hashes. */
  show(): string;
  dryRuns(): readonly DryRunView[];
  /** Those for which the table had no row. */
  unlistedDryRuns(): number;
  resetDryRuns(): void;
}
