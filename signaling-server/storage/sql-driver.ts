/** One database, reached by SQL. Statements are single and idempotent, so that a lost answer can be retried. */
export interface SqlDriver {
  readonly kind: 'pglite' | 'postgres';
  /** Rows as arrays of columns. @throws the driver's own errors; {@link Database} names them. */
  query(statement: string, parameters: readonly unknown[]): Promise<unknown[][]>;
  /** Brings the schema up to date; safe when several servers start at once. */
  migrate(folder: string): Promise<void>;
  /** Frees room and shortens recovery, where the database does not do so by itself. */
  maintain(): Promise<void>;
  close(): Promise<void>;
}

/** Longest that one statement may take. */
export const STATEMENT_TIMEOUT_MS = 30_000;
