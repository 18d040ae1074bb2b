import { describe, expect, it } from 'vitest';
import { problemOf } from './problem.ts';

const respond = (status: number, body: string, type: string) =>
  new Response(body, { status, headers: { 'content-type': type } });

describe('problemOf', () => {
  it('keeps the code and the facts of a problem document', async () => {
    const body = JSON.stringify({
      title: 'Bad document',
      detail: 'model.loss: not a loss.',
      status: 400,
      code: 'federation.invalid',
      path: 'model.loss',
      remedy: 'Correct the field.',
      stack: 'no',
    });
    expect(await problemOf(respond(400, body, 'application/problem+json'))).toEqual({
      code: 'federation.invalid',
      message: 'model.loss: not a loss.',
      path: 'model.loss',
      remedy: 'Correct the field.',
    });
  });

  it.each([
    [404, 'text/html', '<h1>no</h1>', 'http.not-found'],
    [502, 'text/html', '', 'http.unavailable'],
    [400, 'application/json', '{"broken', 'http.bad-request'],
    [413, 'application/json', '"text"', 'http.bad-request'],
  ])('names status %i with %s when the body says nothing', async (status, type, body, code) => {
    const error = await problemOf(respond(status, body, type));
    expect(error.code).toBe(code);
    expect(error.message).toContain(`status ${status}`);
  });
});
