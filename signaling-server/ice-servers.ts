import { createHmac } from 'node:crypto';
import type { ParticipantId } from '../shared/identity/index.ts';
import type { IceServer } from '../shared/transport/hub.ts';
import type { IceConfig } from './config.ts';

/**
 * The WebRTC servers for one participant, with TURN credentials that expire.
 * The scheme is coturn's `use-auth-secret` (draft-uberti-behave-turn-rest-00, section 2.2):
 * username = `expiry in Unix seconds:participant`, credential = base64(HMAC-SHA1(secret, username)).
 */
export function iceServersFor(config: IceConfig, participant: ParticipantId, nowMs: number): IceServer[] {
  const servers: IceServer[] = [];
  if (config.stunUrls.length > 0) servers.push({ urls: config.stunUrls });
  if (config.turnUrls.length > 0 && config.turnSecret !== undefined) {
    const username = `${Math.floor(nowMs / 1000) + config.turnTtlSeconds}:${participant}`;
    const credential = createHmac('sha1', config.turnSecret).update(username).digest('base64');
    servers.push({ urls: config.turnUrls, username, credential });
  }
  return servers;
}
