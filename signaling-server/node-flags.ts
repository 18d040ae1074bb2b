/**
 * What node is given where the server runs, by `npm start` too. One thread for V8 beside our own: with four, on a server of one core,
 * they mark a heap of 5,000 connections all at once, and messages wait for 0.1 to 0.4 s until they are done.
 */
export const NODE_FLAGS: readonly string[] = ['--v8-pool-size=1', '--import', 'tsx'];
