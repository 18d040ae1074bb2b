/** Worker threads do not inherit the TypeScript loader, so a thread's first lines install it. */
export function threadScript(file: URL): URL {
  const loader = import.meta.resolve('tsx/esm/api');
  const source = `import { register } from ${JSON.stringify(loader)}; register(); await import(${JSON.stringify(file.href)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}
