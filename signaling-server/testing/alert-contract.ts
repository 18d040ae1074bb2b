import { beforeEach, describe, expect, test } from 'vitest';
import type { AlertRepository } from '../alerts/alert-repository.ts';
import { alertRepository } from '../alerts/alert-repository.ts';
import type { Database } from '../storage/database.ts';
import { alerts, silences, webhooks } from '../storage/operator-schema.ts';

const row = (id: string, fingerprint: string, startedAtMs = 1000) => ({
  id,
  kind: 'drop-out' as const,
  severity: 'warning' as const,
  fingerprint,
  federation: 'f',
  training: null,
  summary: 'Some dropped out.',
  value: 0.5,
  threshold: 0.2,
  startedAtMs,
});

/** What the server keeps of alerts; the same for every database. */
export function alertContract(name: string, opened: () => Database): void {
  describe(`alerts on ${name}`, () => {
    let repository: AlertRepository;
    beforeEach(async () => {
      const database = opened();
      for (const table of [alerts, silences, webhooks]) await database.run((db) => db.delete(table));
      repository = alertRepository(database);
    });

    test('of several that find the same at once, one alert comes; its statement may be repeated', async () => {
      const fired = await Promise.all(['a', 'b', 'c', 'd'].map((id) => repository.fire(row(id, 'x'))));
      const won = fired.filter((each) => each !== undefined);
      expect(won).toHaveLength(1);
      expect(await repository.readFiring()).toEqual(won);
      expect(await repository.fire(row(won[0]!.id, 'x'))).toEqual(won[0]);
    });

    test('it is over once, and the same may fire again after that', async () => {
      await repository.fire(row('a', 'x'));
      const ends = await Promise.all([repository.resolve('x', 2000), repository.resolve('x', 2001)]);
      expect(ends.filter((each) => each !== undefined)).toHaveLength(1);
      expect(await repository.resolve('x', 3000)).toBeUndefined();
      expect(await repository.fire(row('b', 'x', 4000))).toMatchObject({ id: 'b', resolvedAtMs: null });
      expect((await repository.readFiring()).map(({ id }) => id)).toEqual(['b']);
    });

    test('pages are newest first, and nothing is shown twice where several began at once', async () => {
      for (const [id, startedAtMs] of [
        ['a', 1],
        ['b', 2],
        ['c', 2],
        ['d', 3],
      ] as const)
        await repository.fire(row(id, id, startedAtMs));
      const first = await repository.list({}, undefined, 2);
      expect(first.map(({ id }) => id)).toEqual(['d', 'c']);
      const second = await repository.list({}, first.at(-1), 2);
      expect(second.map(({ id }) => id)).toEqual(['b', 'a']);
    });

    test('filters', async () => {
      await repository.fire(row('a', 'a'));
      await repository.fire({ ...row('b', 'b'), kind: 'storage', severity: 'critical', federation: null });
      await repository.fire({ ...row('c', 'c'), training: 't' });
      await repository.resolve('c', 2000);
      const ids = async (query: Parameters<AlertRepository['list']>[0]) =>
        (await repository.list(query, undefined, 9)).map(({ id }) => id).sort();
      expect(await ids({ state: 'firing' })).toEqual(['a', 'b']);
      expect(await ids({ state: 'resolved' })).toEqual(['c']);
      expect(await ids({ federation: 'f' })).toEqual(['a', 'c']);
      expect(await ids({ kind: 'storage' })).toEqual(['b']);
      expect(await ids({ severity: 'warning', training: 't' })).toEqual(['c']);
    });

    test('whoever acknowledges first is kept', async () => {
      await repository.fire(row('a', 'a'));
      await repository.acknowledge('a', 'key:1', 5);
      expect(await repository.acknowledge('a', 'key:2', 6)).toMatchObject({
        acknowledgedBy: 'key:1',
        acknowledgedAtMs: 5,
      });
      expect(await repository.acknowledge('none', 'key:1', 5)).toBeUndefined();
    });

    test('silences end by time or by hand', async () => {
      const silence = { kind: null, federation: 'f', reason: 'upgrade', createdBy: 'key:1' };
      await repository.addSilence({ id: 's', untilMs: 10, ...silence });
      await repository.addSilence({ id: 't', untilMs: 20, ...silence });
      expect((await repository.listSilences(10)).map(({ id }) => id)).toEqual(['t']);
      expect(await repository.endSilence('t')).toBe(true);
      expect(await repository.endSilence('t')).toBe(false);
      expect(await repository.listSilences(10)).toEqual([]);
    });

    test('webhooks are kept with their secret until they are removed', async () => {
      const webhook = { id: 'w', url: 'https://a.example/', kinds: [], secret: 's', createdAtMs: 1 };
      await repository.addWebhook(webhook);
      expect(await repository.listWebhooks()).toEqual([webhook]);
      expect(await repository.getWebhook('w')).toEqual(webhook);
      expect(await repository.removeWebhook('w')).toBe(true);
      expect(await repository.removeWebhook('w')).toBe(false);
      expect(await repository.getWebhook('w')).toBeUndefined();
    });
  });
}
