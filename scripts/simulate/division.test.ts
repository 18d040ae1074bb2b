import { describe, expect, test } from 'vitest';
import { type DivisionBy, rowsOf } from './division.ts';
import { type ExampleTable, flipTargets, gatherRows } from './example-table.ts';

/** A thousand examples of ten classes, each with its row as its only input. */
function table(): ExampleTable {
  const inputs = new Float32Array(new SharedArrayBuffer(4000));
  const targets = new Uint16Array(new SharedArrayBuffer(2000));
  for (let row = 0; row < 1000; row++) {
    inputs[row] = row;
    targets[row] = row % 10;
  }
  return { count: 1000, size: 1, targetsEach: 1, inputs, targets };
}

const drawn = (by: DivisionBy) => rowsOf({ seed: 'seed', examplesPerClient: 200, by }, table());
const classesOf = (rows: ArrayLike<number>) => new Set(Array.from(rows, (row) => row % 10));

test('a list is taken as it is, and whoever is not in it has nothing', () => {
  const rows = rowsOf([Uint32Array.of(3, 4)], table());
  expect([...Array.from(rows(0))]).toEqual([3, 4]);
  expect(() => rows(1)).toThrow('no client 1');
});

test('the same client has the same examples whenever it is asked for, another has others', () => {
  const [first, second] = [drawn({ kind: 'iid' }), drawn({ kind: 'iid' })];
  first(7);
  expect(first(3)).toEqual(second(3));
  expect(first(3)).not.toEqual(first(4));
  expect(first(99_999_999)).toHaveLength(200);
});

describe('splits', () => {
  test('IID clients see every class', () => {
    expect(classesOf(drawn({ kind: 'iid' })(1)).size).toBe(10);
  });

  test('with shards of two classes each sees two', () => {
    const rows = drawn({ kind: 'shards', classes: 2 });
    for (const client of [0, 1, 2, 3]) expect(classesOf(rows(client)).size).toBe(2);
    expect(
      new Set([0, 1, 2, 3, 4, 5].flatMap((client) => [...classesOf(rows(client))])).size,
    ).toBeGreaterThan(4);
  });

  test('the smaller alpha, the fewer classes make up most of a client', () => {
    const largest = (alpha: number) => {
      const rows = drawn({ kind: 'dirichlet', alpha });
      const parts = Array.from({ length: 40 }, (_, client) => {
        const counts = new Array<number>(10).fill(0);
        for (const row of Array.from(rows(client))) counts[row % 10]!++;
        return Math.max(...counts) / 200;
      });
      return parts.reduce((sum, part) => sum + part, 0) / parts.length;
    };
    // Of Dirichlet(1000) every class has a tenth, of Dirichlet(0.05) nearly all is one class.
    expect(largest(1000)).toBeLessThan(0.2);
    expect(largest(0.05)).toBeGreaterThan(0.6);
  });
});

test('rows are copied, bytes fed as they are to be, labels flipped', () => {
  const pixels = new Uint8Array(new SharedArrayBuffer(4));
  pixels.set([0, 1, 2, 3]);
  const labels = new Uint16Array(new SharedArrayBuffer(4));
  labels.set([0, 9]);
  const images: ExampleTable = {
    count: 2,
    size: 2,
    targetsEach: 1,
    inputs: pixels,
    targets: labels.subarray(0, 2),
  };
  const taken = gatherRows(images, [1, 0, 1]);
  expect(taken).toEqual({
    count: 3,
    inputs: Uint8Array.of(2, 3, 0, 1, 2, 3),
    targets: Uint16Array.of(9, 0, 9),
  });
  const feed = Float32Array.from({ length: 256 }, (_, byte) => byte / 2);
  expect(gatherRows({ ...images, feed }, [1]).inputs).toEqual(Float32Array.of(1, 1.5));
  expect(flipTargets(taken, 10).targets).toEqual(Uint16Array.of(0, 9, 0));
  const values = { count: 2, inputs: new Float32Array(2), targets: Float32Array.of(1, -2) };
  expect(flipTargets(values, undefined).targets).toEqual(Float32Array.of(-1, 2));
});
