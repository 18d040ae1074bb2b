import { webcrypto } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { rtcConnectorOver } from './rtc-bridge.ts';
import { serveRtc } from './rtc-service.ts';
import { test } from 'vitest';
import { createNobleIdentity } from '../../../shared/identity/index.ts';
import { webCryptoRandom } from '../../../shared/random/index.ts';
import { createMemoryDirect } from '../../../shared/testing/memory-direct.ts';
import { createMemoryHub } from '../../../shared/testing/memory-hub.ts';
import { systemClock } from '../../../shared/transport/clock.ts';
import { createPeerTransport } from '../../../shared/transport/peer-transport.ts';

const random = webCryptoRandom(webcrypto);
test('x', async () => {
  for (let run = 0; run < 100; run++) {
    const mode = 0;
    const log: string[] = [];
    const t0 = performance.now();
    const say = (s: string) => log.push(`${(performance.now() - t0).toFixed(0)} ${s}`);
    const clock = systemClock;
    const hub = createMemoryHub({ clock, latencyMs: 0 });
    const direct = createMemoryDirect({
      clock,
      latencyMs: 0,
      ...(run % 4 < 2 ? { bytesPerMs: 100_000 } : {}),
    });
    hub.tamper.signal = (e, from) => {
      say(`${from.slice(0, 4)} ${JSON.parse(e).kind} ${JSON.parse(e).connection.slice(0, 4)}`);
      return [e];
    };
    const ups: Promise<void>[] = [];
    let n = 0;
    const con = {
      connect(o: any) {
        const { port1, port2 } = o.ports ?? {}; const at = direct.connector.connect(o);
        return {
          ...at,
          pipe: at.pipe.then((p) => {
            const id = ++n;
            say(`pipe ${id} init ${o.initiator}`);
            const NAMES = [
              '?',
              'first',
              'more',
              'void',
              'ack',
              'hello',
              'move',
              'grant',
              'start',
              'lost',
              'ping',
              'pong',
              'bye',
            ];
            let last = '';
            let c = 0;
            const { send } = p;
            (p as any).send = (f: any) => {
              const k = `${id} > ${NAMES[f[0] & 127]}${f[0] & 128 ? '!' : ''} ${f[0] >= 3 && (f[0] & 127) > 2 ? [...f.slice(1, 9)] : ''} buf ${Math.round(p.bufferedBytes / 65536)}`;
              if (((f[0] & 127) !== 2 && (f[0] & 127) !== 4) || (n > 2 && ++c < 10)) say(k);
              else last = k;
              send(f);
            };
            const { close } = p;
            (p as any).close = () => {
              say(`close ${id} ${last}`);
              close();
            };
            return p;
          }),
        };
      },
    };
    const ts = [0, 1].map((i) => {
      const identity = createNobleIdentity(random);
      const t = createPeerTransport({
        identity,
        incarnation: i,
        hub: hub.join(identity.id, i),
        openDirect: (() => { const { port1, port2 } = new MessageChannel(); serveRtc(port1 as any, con as any); return rtcConnectorOver(port2 as any); })(),
        paths: [mode ? 'relay' : 'direct'],
        clock,
        random,
      });
      ups.push(
        new Promise((r) =>
          t.subscribe((e) => {
            say(`${identity.id.slice(0, 4)} ${e.type} ${e.type === 'refused' ? e.error.message : ''}`);
            if (e.type === 'peer-up') r();
          }),
        ),
      );
      return t;
    });
    const dump = setTimeout(() => console.log(run, 'STUCK', log.slice(0, 200).join('\n')), 5000);
    await Promise.all(ups);
    const o = ts[0]!.send(ts[1]!.self, new Uint8Array(5_000_000));
    await new Promise((r) => setTimeout(r, 0));
    say('cut');
    if (mode) hub.kill();
    else direct.cutAll();
    await new Promise((r) => setTimeout(r, 0));
    if (mode) hub.revive();
    say('outcome ' + (await o).kind);
    clearTimeout(dump);
    await Promise.all(ts.map((t) => t.close()));
  }
}, 400000);
