/** What the database thread is asked. One answer per request, in any order. */
export type PgliteRequest = { readonly id: number } & (
  | { readonly type: 'query'; readonly statement: string; readonly parameters: readonly unknown[] }
  /** Several statements, or one with parameters; rows by column. */
  | { readonly type: 'script'; readonly statements: string; readonly parameters: readonly unknown[] }
  | { readonly type: 'migrate'; readonly folder: string }
  | { readonly type: 'maintain' }
  | { readonly type: 'close' }
);

export type PgliteReply =
  | { readonly id: number; readonly rows: readonly unknown[] }
  /** Errors do not survive a thread boundary as such. */
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } };
