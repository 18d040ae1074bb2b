import { check, checkInteger } from '../errors/index.ts';
import { type SeededRandom, shuffle } from '../random/index.ts';

/** For each client, the indices of its examples. No example belongs to two. */
export type Partition = readonly Uint32Array<ArrayBuffer>[];

/**
 * Independent and identically distributed: shuffled, then cut into equal parts (McMahan et al. 2017, section 3).
 * What does not divide evenly is left out.
 * @throws `argument.invalid` when there are fewer examples than clients.
 */
export function iidPartition(examples: number, clients: number, random: SeededRandom): Partition {
  checkInteger('clients', clients, 1, examples);
  const order = Uint32Array.from({ length: examples }, (_, i) => i);
  shuffle(order, random);
  const size = Math.floor(examples / clients);
  return Array.from({ length: clients }, (_, client) => order.slice(client * size, (client + 1) * size));
}

/**
 * Pathologically non-IID (McMahan et al. 2017, section 3): sorted by label, cut into shards, and each client dealt
 * so many of them, so that most see only as many labels as they hold shards. Within a label the order is shuffled.
 * What does not divide evenly is left out.
 * @param labels one per example.
 * @throws `argument.invalid` when there are fewer examples than shards.
 */
export function shardPartition(
  labels: ArrayLike<number>,
  clients: number,
  shardsPerClient: number,
  random: SeededRandom,
): Partition {
  checkInteger('clients', clients, 1, labels.length);
  checkInteger('shardsPerClient', shardsPerClient, 1, labels.length);
  const shards = clients * shardsPerClient;
  const size = Math.floor(labels.length / shards);
  check(size >= 1, 'argument.invalid', 'There are too few examples for so many shards.', {
    expected: `at least ${shards} examples`,
    received: String(labels.length),
  });
  const order = Uint32Array.from({ length: labels.length }, (_, i) => i);
  shuffle(order, random.fork('examples'));
  // Array sorting is stable, so that the shuffled order within a label remains.
  order.sort((a, b) => labels[a]! - labels[b]!);
  const dealt = Uint32Array.from({ length: shards }, (_, shard) => shard);
  shuffle(dealt, random.fork('shards'));
  return Array.from({ length: clients }, (_, client) => {
    const own = new Uint32Array(shardsPerClient * size);
    for (let i = 0; i < shardsPerClient; i++) {
      const start = dealt[client * shardsPerClient + i]! * size;
      own.set(order.subarray(start, start + size), i * size);
    }
    return own;
  });
}
