import { expect, test } from 'vitest';
import type { ParticipantId } from '../shared/identity/index.ts';
import { iceServersFor } from './ice-servers.ts';

const participant = 'AAAAAAAAAAAAAAAAAAAAAA' as ParticipantId;
const nothing = { stunUrls: [], turnUrls: [], turnSecret: undefined, turnTtlSeconds: 3600 };

test('the TURN credential is the HMAC-SHA1 of expiry and participant', () => {
  const config = { ...nothing, turnUrls: ['turn:turn.example'], turnSecret: 'a turn secret' };
  // printf '1700003600:AAAAAAAAAAAAAAAAAAAAAA' | openssl dgst -sha1 -hmac 'a turn secret' -binary | base64
  expect(iceServersFor(config, participant, 1_700_000_000_999)).toEqual([
    {
      urls: ['turn:turn.example'],
      username: '1700003600:AAAAAAAAAAAAAAAAAAAAAA',
      credential: 'qOdeXmb6t56JCYDInOn0mllrpFs=',
    },
  ]);
});

test('STUN needs no credential, and nothing configured is nothing offered', () => {
  const config = { ...nothing, stunUrls: ['stun:stun.example'] };
  expect(iceServersFor(config, participant, 0)).toEqual([{ urls: ['stun:stun.example'] }]);
  expect(iceServersFor(nothing, participant, 0)).toEqual([]);
});
