import type SimplePeer from 'simple-peer';

/** The data channel inside a simple-peer, which its types hide. Absent until there is one. */
export function channelOf(peer: SimplePeer.Instance): RTCDataChannel | undefined {
  return (peer as unknown as { readonly _channel: RTCDataChannel | null })._channel ?? undefined;
}
