/** One database, reached by SQL. Statements are single and idempotent, so that a lost answer can be retried. */
export interface SqlDriver {
  readonly kind: 'pglite' | 'postgres';
  /** Rows as arrays of columns. @throws the driver's own errors; {@link Database} names them. */
  query(statement: string, parameters: readonly unknown[]): Promise<unknown[][]>;
  /**
   * Several statements as one, without parameters, or one with; all or nothing where they say so themselves. Not sent again when the answer is
   * lost. @returns rows of the last, by column. @throws as {@link SqlDriver.query}.
   */
  script(statements: string, parameters: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Brings the schema up to date; safe when several servers start at once. */
  migrate(folder: string): Promise<void>;
  /** Frees room and shortens recovery, where the database does not do so by itself. */
  maintain(): Promise<void>;
  close(): Promise<void>;
}

/** Longest that one statement may take. */
export const STATEMENT_TIMEOUT_MS = 30_000;
