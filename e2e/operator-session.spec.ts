import { writeFile } from 'node:fs/promises';
import { parseFederation, policyHash } from '../shared/federation/index.ts';
import { roundsOf } from './harness/api.ts';
import { quickFederation } from './harness/federations.ts';
import { digitsFile } from './harness/headless.ts';
import { watchTraining } from './harness/live-watch.ts';
import { hasFinished, hasModel, ROUNDS_MS } from './harness/one-model.ts';
import { apiOf, firstKeyOf, keyFor } from './harness/operator.ts';
import { graphqlDoor, restDoor } from './harness/operator-doors.ts';
import { readRecording } from './harness/recorder.ts';
import { expect, test } from './harness/test.ts';

const HOUR_MS = 3_600_000;
const BROWSERS = 4;

for (const [name, openDoor] of [
  ['REST', restDoor],
  ['GraphQL', graphqlDoor],
] as const) {
  test(`four browsers and a process train as an owner orders over ${name}, watched over WebSocket`, async ({
    server,
    join,
    joinHeadless,
  }, info) => {
    test.setTimeout(290_000);
    const operator = apiOf(server.url, await firstKeyOf(server));
    const owner = await keyFor(operator, { name: 'owner of the class', role: 'owner' });
    const door = openDoor(owner);
    const anybody = apiOf(server.url);
    // A round takes all five.
    const document = quickFederation('class', {
      cohort: { minParticipants: BROWSERS + 1 },
      rounds: { maximum: 10_000 },
      evaluation: 'local',
    });

    const invitation =
      await test.step('a federation for those who are invited, while a training says so', async () => {
        expect((await owner.send('POST', '/api/federations', document)).status).toBe(201);
        const settings = await owner.send('PUT', '/api/federations/class/settings', {
          admission: 'invitation',
          control: 'managed',
        });
        expect(settings.status).toBe(200);
        expect(settings.body).toEqual({
          admission: 'invitation',
          control: 'managed',
          owner: expect.any(String),
        });
        expect((await anybody.get('/api/federations/class')).status).toBe(401);
        const invited = await owner.send('POST', '/api/federations/class/invitations', {
          label: 'the class',
          maxUses: BROWSERS + 1,
          expiresAtMs: Date.now() + HOUR_MS,
        });
        expect(invited.status).toBe(201);
        return invited.body.token as string;
      });

    const training = await test.step('a start that is sent again is the same start', async () => {
      const order = { federation: 'class', jobName: 'monday', maxRounds: 9_000 };
      const started = await door.start(order, 'monday-1');
      expect(started.status).toBe('RUNNING');
      expect((await door.start(order, 'monday-1')).id).toBe(started.id);
      const other = door.start({ ...order, maxRounds: 8_000 }, 'monday-1');
      await expect(other).rejects.toMatchObject({ code: 'http.conflict' });
      await expect(door.start(order, 'monday-2')).rejects.toMatchObject({ code: 'http.conflict' });
      return started;
    });
    const watch = await watchTraining(server.url, owner.bearer!, training.id);

    const consent = info.outputPath('consent.json');
    const credential = info.outputPath('credential');
    await writeFile(
      consent,
      JSON.stringify({ federation: 'class', terms: policyHash(parseFederation(document)), maxRounds: 9_000 }),
    );
    await writeFile(credential, invitation, { mode: 0o600 });
    const headless = joinHeadless('class', await digitsFile(server.url, 5000, 200), [
      '--consent',
      consent,
      '--credential-file',
      credential,
    ]);
    const browsers = await Promise.all(
      Array.from({ length: BROWSERS }, (_, shard) =>
        join({ federation: 'class', shard, examples: 200, invitation }),
      ),
    );
    const rounds = () => roundsOf(server.url, training.run, owner.bearer);

    /** The model of a round that counted all five in is at all five. */
    const trainedTogether = async (fromRound: number): Promise<void> => {
      const seen = await Promise.all(browsers.map((each) => each.until(hasModel(fromRound), ROUNDS_MS)));
      const process = await headless.until(({ msg }) => msg === 'taking part', ROUNDS_MS);
      const five = [...seen.map(({ self }) => self as string), process.participant as string].sort();
      expect(new Set(five).size).toBe(BROWSERS + 1);
      const isOfAll = ({ survivors }: { readonly survivors: readonly string[] }) =>
        JSON.stringify([...survivors].sort()) === JSON.stringify(five);
      await expect
        .poll(async () => (await rounds()).filter(isOfAll).some(({ round }) => round >= fromRound), {
          message: 'a round that counted all five in',
          timeout: ROUNDS_MS,
        })
        .toBe(true);
      const { round, hash } = (await rounds()).find((each) => each.round >= fromRound && isOfAll(each))!;
      for (const browser of browsers) {
        await expect
          .poll(async () => (await readRecording(browser.page)).models[round], { timeout: ROUNDS_MS })
          .toBe(hash);
        expect((await readRecording(browser.page)).errors).toEqual([]);
      }
      const committed = await headless.until(
        (line) => line.msg === 'round committed' && line.round === round,
        ROUNDS_MS,
      );
      expect(committed).toMatchObject({ hash, counted: true });
    };
    await test.step('all five are in a round, and hold its model', () => trainedTogether(2));

    await test.step('all came by the invitation, each counted once', async () => {
      const { body } = await owner.get('/api/federations/class/invitations');
      expect(body.invitations).toMatchObject([{ uses: BROWSERS + 1, maxUses: BROWSERS + 1 }]);
      const members = (await owner.get('/api/federations/class/members')).body.members;
      expect(members).toHaveLength(BROWSERS + 1);
    });

    const held =
      await test.step('paused: the round under way ends, everyone is told, none begins', async () => {
        const before = watch.events.length;
        expect(await door.pause(training.id)).toMatchObject({ status: 'PAUSED', reason: 'operator' });
        await watch.until(
          ({ type, status }) => type === 'training_status' && status === 'PAUSED',
          ROUNDS_MS,
          before,
        );
        await expect
          .poll(async () => (await operator.get('/api/system/drain')).body.roundsUnderWay, {
            timeout: ROUNDS_MS,
          })
          .toBe(0);
        const isTold = ({ notices }: { readonly notices: readonly { readonly code?: string }[] }) =>
          notices.some(({ code }) => code === 'round.on-hold');
        await Promise.all(browsers.map((each) => each.until(isTold, ROUNDS_MS)));
        await headless.until(({ code }) => code === 'round.on-hold', ROUNDS_MS);
        const status = await owner.get('/api/federation/status?federation=class');
        expect(status.body.federations).toMatchObject([{ participants: BROWSERS + 1 }]);
        const types = () =>
          watch.events.map(({ type, status }) => (type === 'training_status' ? status : type));
        return { rounds: (await rounds()).length, at: await watch.caughtUp(), types };
      });

    const wentBack = await test.step('metrics, versions, promote, roll back', async () => {
      const versions = await door.versions(training.run);
      const newest = versions.at(-1)!;
      const kept = versions.filter(({ version, bytes }) => bytes !== null && version < newest.version);
      const target = kept.at(0)!;
      expect(target, JSON.stringify(versions)).toBeDefined();
      expect(await door.promote(training.run, target.version, target.hash)).toMatchObject({
        version: target.version,
      });
      expect((await owner.get('/api/federations/class/promoted')).body).toMatchObject({
        hash: target.hash,
      });
      await expect(door.rollBack(training.run, target.version, newest.hash)).rejects.toMatchObject({
        code: 'model.hash-mismatch',
      });
      expect(await door.rollBack(training.run, target.version, target.hash)).toMatchObject({
        to: target.version,
      });
      const event = await watch.until(({ type }) => type === 'rolled_back', ROUNDS_MS);
      expect(event).toMatchObject({ to: target.version, round_number: newest.version + 1 });
      const all = await rounds();
      expect(all.at(-1)).toMatchObject({
        hash: target.hash,
        rollback: { to: target.version },
        survivors: [],
      });
      // Nobody trained since the round under way ended.
      expect(all).toHaveLength(held.rounds + 1);
      return newest.version + 1;
    });

    await test.step('resumed: rounds go on from the version that it went back to', async () => {
      expect(await door.resume(training.id)).toMatchObject({ status: 'RUNNING', reason: null });
      await trainedTogether(wentBack + 1);
      const all = await rounds();
      const at = all.findIndex(({ round }) => round === wentBack);
      expect(all[at + 1]!.baseHash).toBe(all[at]!.hash);
      const { types, at: heldAt } = held;
      const again = types().indexOf('RUNNING', heldAt);
      const meanwhile = types().slice(heldAt, again);
      expect(meanwhile).toContain('rolled_back');
      expect(meanwhile).not.toContain('round_started');
      expect(meanwhile).not.toContain('round_completed');
      expect(types().slice(again)).toContain('round_started');
    });

    await test.step('stopped: neither failed nor done; nothing of it was missed by who watched', async () => {
      expect(await door.stop(training.id, 'enough for today')).toMatchObject({
        status: expect.stringMatching(/^STOPP(ING|ED)$/),
      });
      const completed = await watch.until(({ type }) => type === 'training_completed', ROUNDS_MS);
      expect(completed).toMatchObject({ status: 'STOPPED', training_id: training.id });
      expect(await door.get(training.id)).toMatchObject({
        status: 'STOPPED',
        reason: 'operator: enough for today',
      });
      await expect(door.resume(training.id)).rejects.toMatchObject({ code: 'http.conflict' });
      await Promise.all(browsers.map((each) => each.until(hasFinished, ROUNDS_MS)));
      expect(await headless.end()).toBe(0);
      watch.close();
      expect(watch.events.map(({ seq }) => seq)).toEqual(
        watch.events.map((_, index) => watch.from + index + 1),
      );
      const told = watch.events.flatMap(({ type, metric }) =>
        type === 'metric_update' ? [metric as TrainingMetric] : [],
      );
      const asked = (await door.metrics(training.id)).map(({ round, name, value }) => ({
        training_id: training.id,
        round_number: round,
        metric_type: name,
        value,
        timestamp: expect.any(String),
      }));
      expect(asked.length).toBeGreaterThan(0);
      expect(told).toEqual(asked);
    });

    await test.step('another one ends by itself, SUCCEEDED, with one model at all', async () => {
      const last = (await rounds()).at(-1)!.round;
      const next = await door.start({ federation: 'class', jobName: 'tuesday', maxRounds: 2 }, 'tuesday-1');
      expect(next.run).toBe(training.run);
      const second = await watchTraining(server.url, owner.bearer!, next.id);
      headless.start();
      await Promise.all(browsers.map((each) => each.reopen()));
      const completed = await second.until(({ type }) => type === 'training_completed', 2 * ROUNDS_MS);
      expect(completed).toMatchObject({ status: 'SUCCEEDED' });
      second.close();
      expect(await door.get(next.id)).toMatchObject({
        status: 'SUCCEEDED',
        reason: 'maximum-rounds',
        round: last + 2,
      });
      const ends = await Promise.all(browsers.map((each) => each.until(hasFinished, ROUNDS_MS)));
      expect(await headless.end()).toBe(0);
      const { hash } = (await rounds()).at(-1)!;
      for (const { model } of [...ends, headless.report().session])
        expect(model).toEqual({ version: last + 2, hash });
    });

    await test.step('the audit says who did what', async () => {
      const { body } = await operator.get('/api/audit?limit=100');
      const me = (await owner.get('/api/me')).body.name;
      const actions = body.entries
        .filter(({ actor }: { actor: string }) => actor === me)
        .map(({ action }: { action: string }) => action);
      for (const action of ['start', 'pause', 'resume', 'stop'])
        expect(actions).toContain(`training.${action}`);
      expect(actions).toEqual(expect.arrayContaining(['model.promote', 'model.roll-back']));
      expect((await operator.get('/api/audit/verify')).body).toMatchObject({ ok: true });
    });
  });
}

interface TrainingMetric {
  readonly training_id: string | null;
  readonly round_number: number;
  readonly metric_type: string;
  readonly value: number;
  readonly timestamp: string;
}
