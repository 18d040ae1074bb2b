import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { httpClient } from './http-client.ts';
import { httpFederations, type Memory } from './http-federations.ts';
import { Reachability } from './reachability.ts';

const document = (id: string) => ({
  format: 'murmuration/federation',
  formatVersion: 1,
  id,
  name: id.toUpperCase(),
  data: { kind: 'records', features: 2 },
  model: { layers: [{ type: 'dense', units: 1 }], loss: 'meanSquaredError' },
});

function memoryWith(value?: unknown): Memory & { value: unknown } {
  return {
    value,
    async recall() {
      return this.value;
    },
    async remember(_key, remembered) {
      this.value = remembered;
    },
  };
}

const answer = vi.fn<(path: string, init: RequestInit) => Promise<Response>>();
const json = (body: unknown, status = 200) => Promise.resolve(Response.json(body, { status }));
let reachability: Reachability;

beforeEach(() => {
  reachability = new Reachability();
  vi.stubGlobal('fetch', answer);
});
afterEach(() => {
  vi.unstubAllGlobals();
  answer.mockReset();
});
const service = (memory: Memory) => httpFederations(httpClient(reachability), memory);

describe('httpFederations', () => {
  it('lists what the server has, and remembers it for when the server is away', async () => {
    const memory = memoryWith();
    answer.mockReturnValueOnce(json({ federations: [document('a'), document('b')] }));
    const listed = await service(memory).list();
    expect(listed).toMatchObject({ from: 'server', value: [{ id: 'a', revision: 1 }, { id: 'b' }] });

    answer.mockRejectedValue(new TypeError('Failed to fetch'));
    expect(await service(memory).list()).toMatchObject({ from: 'device', value: [{ id: 'a' }, { id: 'b' }] });
    expect(await service(memory).get('b')).toMatchObject({ from: 'device', value: { name: 'B' } });
    expect(reachability.reachable).toBe(false);
    await expect(service(memory).get('c')).rejects.toMatchObject({ code: 'http.unavailable' });
  });

  it('leaves out what it remembers in a form that it cannot read', async () => {
    answer.mockRejectedValue(new TypeError('Failed to fetch'));
    const memory = memoryWith([{ format: 'older' }, document('a')]);
    expect((await service(memory).list()).value).toHaveLength(1);
    await expect(service(memoryWith('nonsense')).list()).rejects.toMatchObject({ code: 'http.unavailable' });
  });

  it('does not take a refusal for absence', async () => {
    answer.mockReturnValueOnce(json({ code: 'federation.unknown', detail: 'No such federation.' }, 404));
    await expect(service(memoryWith([document('a')])).get('a')).rejects.toMatchObject({
      code: 'federation.unknown',
    });
    expect(reachability.reachable).toBe(true);
  });

  it('names the bad field before it sends anything', async () => {
    const federations = service(memoryWith());
    await expect(federations.validate('{"format"')).rejects.toMatchObject({ code: 'federation.invalid' });
    const wrong = {
      ...document('a'),
      model: { layers: [{ type: 'dense', units: 0 }], loss: 'meanSquaredError' },
    };
    await expect(federations.create(wrong as never)).rejects.toMatchObject({
      facts: { path: 'model.layers[0].units' },
    });
    expect(answer).not.toHaveBeenCalled();
  });

  it('posts a valid document and answers with what the server made of it', async () => {
    answer.mockImplementationOnce((_path, init) => json(JSON.parse(init.body as string), 201));
    const created = await service(memoryWith()).create(document('a') as never);
    expect(created).toMatchObject({ id: 'a', cohort: { minParticipants: 2 } });
    expect(answer.mock.calls[0]).toMatchObject(['/api/federations', { method: 'POST' }]);
  });
});
