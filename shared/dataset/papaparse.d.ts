/** The one part of papaparse used here; its published types would bring Node's globals into shared code. */
declare module 'papaparse/papaparse.min.js' {
  interface ParserConfig {
    delimiter: string;
    newline: string;
    quoteChar: string;
  }
  interface ParserResult {
    data: string[][];
    meta: { cursor: number };
  }
  const papa: {
    Parser: new (
      config: ParserConfig,
    ) => {
      parse(input: string, baseIndex: number, ignoreLastRow: boolean): ParserResult;
    };
  };
  export default papa;
}
