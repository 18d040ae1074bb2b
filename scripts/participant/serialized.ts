const lines = new Map<string, Promise<unknown>>();

/** Does work about one thing one after the other, in the order asked for, within this process. */
export function serialized<T>(name: string, work: () => Promise<T>): Promise<T> {
  const turn = (lines.get(name) ?? Promise.resolve()).then(work, work);
  // Whoever asked hears of a failure; those who come after only wait for the end of it.
  const end = turn
    .catch(() => undefined)
    .then(() => {
      if (lines.get(name) === end) lines.delete(name);
    });
  lines.set(name, end);
  return turn;
}
