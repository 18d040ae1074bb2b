import { describe, expect, it } from 'vitest';
import { parseRoute } from './router.ts';

const route = (path: string) => parseRoute(new URL(path, 'https://example.org'));

describe('parseRoute', () => {
  it('knows every view', () => {
    expect(route('/')).toEqual({ view: 'federations' });
    expect(route('/data')).toEqual({ view: 'data' });
    expect(route('/settings/')).toEqual({ view: 'settings' });
    expect(route('/data/0f3a-9')).toEqual({ view: 'dataset', id: '0f3a-9' });
    expect(route('/privacy')).toEqual({ view: 'calculator', federation: undefined, examples: undefined });
    expect(route('/privacy?federation=digits&examples=600')).toEqual({
      view: 'calculator',
      federation: 'digits',
      examples: 600,
    });
    expect(route('/model/digits')).toEqual({ view: 'model', id: 'digits' });
    expect(route('/f/digits')).toMatchObject({ view: 'federation', id: 'digits' });
  });

  it("knows the operator's pages", () => {
    expect(route('/operator')).toEqual({ view: 'operator', section: 'runs', part: undefined });
    expect(route('/operator/audit')).toEqual({ view: 'operator', section: 'audit', part: undefined });
    expect(route('/operator/runs/t-1_x')).toEqual({ view: 'operator', section: 'runs', part: 't-1_x' });
  });

  it('takes anything else as not found', () => {
    for (const path of [
      '/operator/a/b/c',
      '/operator/runs/a%2Fb',
      '/nothing',
      '/f',
      '/f/Upper',
      '/f/a/b',
      '/f/..%2Fdata',
      '/data/x/y',
      '/data/a%2Fb',
      '/privacy/x',
      '/model/',
    ])
      expect(route(path)).toEqual({ view: 'not-found', path: new URL(path, 'https://example.org').pathname });
  });

  it('reads what a link asks for', () => {
    expect(route('/f/digits?autojoin=1&sample=3&examples=500&split=label&paths=relay,server')).toEqual({
      view: 'federation',
      id: 'digits',
      query: {
        kiosk: false,
        autojoin: true,
        sample: 3,
        examples: 500,
        split: 'label',
        paths: ['relay', 'server'],
      },
    });
    expect(route('/f/digits?kiosk')).toMatchObject({ query: { kiosk: true } });
    expect(route('/f/digits?kiosk=0')).toMatchObject({ query: { kiosk: false } });
  });

  it('ignores values that cannot be meant', () => {
    expect(route('/privacy?federation=Up&examples=0')).toMatchObject({
      federation: undefined,
      examples: undefined,
    });
    expect(
      route('/f/digits?autojoin=yes&sample=-1&examples=1e9&split=odd&paths=carrier-pigeon'),
    ).toMatchObject({
      query: { autojoin: false, sample: undefined, examples: 1000, split: 'iid', paths: undefined },
    });
  });
});
