import { expect, it } from 'vitest';
import { helloCredential } from '../session/credential.ts';
import { invitationIn, invitationLink } from './invitation.ts';

const TOKEN = 'mi_WyJhIl0.abc-_';

it('the token is in the fragment, which no server sees', () => {
  const link = new URL(invitationLink('https://s.example', 'digits', TOKEN));
  expect([link.pathname, link.search, link.hash]).toEqual(['/f/digits', '', `#invite=${TOKEN}`]);
  expect(invitationIn(link)).toEqual({
    federation: 'digits',
    credential: { token: TOKEN, isAdmitted: false },
  });
});

it.each([
  ['https://s.example/f/digits', 'no fragment'],
  ['https://s.example/f/digits#invite=', 'an empty one'],
  ['https://s.example/f/digits#invite=a%20b', 'other characters'],
  ['https://s.example/data#invite=mi_a', 'no federation'],
  ['https://s.example/f/Digits!#invite=mi_a', 'no id'],
])('%s is none: %s', (url) => {
  expect(invitationIn(new URL(url))).toBeUndefined();
});

it('an invitation is shown until it let the device in, a key always', () => {
  expect(helloCredential(undefined)).toBeUndefined();
  expect(helloCredential({ token: 'mi_a', isAdmitted: false })).toBe('mi_a');
  expect(helloCredential({ token: 'mi_a', isAdmitted: true })).toBeUndefined();
  expect(helloCredential({ token: 'mk_a_b', isAdmitted: true })).toBe('mk_a_b');
});
