import { expect, it, vi } from 'vitest';
import type { DeviceState, Pressure } from './device-policy.ts';
import { type DeviceHost, watchDevice } from './device-policy-watch.ts';

class FakeDocument extends EventTarget {
  visibilityState: DocumentVisibilityState = 'visible';
}
class FakeBattery extends EventTarget {
  charging = true;
  level = 1;
}
class FakeConnection extends EventTarget {
  saveData = false;
  type = 'wifi';
}

function setUp() {
  const [document, battery, connection] = [new FakeDocument(), new FakeBattery(), new FakeConnection()];
  let press: (records: { state: Pressure }[]) => void = () => undefined;
  const disconnect = vi.fn();
  class PressureObserver {
    readonly disconnect = disconnect;
    constructor(callback: typeof press) {
      press = callback;
    }
    observe = async () => undefined;
  }
  const host = {
    document,
    navigator: { getBattery: async () => battery, connection },
    PressureObserver,
  } as unknown as DeviceHost;
  return { host, document, battery, connection, press: (state: Pressure) => press([{ state }]), disconnect };
}

const silent: DeviceState = {
  visible: true,
  battery: undefined,
  saveData: undefined,
  connection: undefined,
  pressure: undefined,
};

it('knows only whether the page is visible where the browser tells nothing else', () => {
  const document = new FakeDocument();
  const watch = watchDevice({ document, navigator: {} } as unknown as DeviceHost);
  expect(watch.state).toEqual(silent);
  document.visibilityState = 'hidden';
  document.dispatchEvent(new Event('visibilitychange'));
  expect(watch.state).toEqual({ ...silent, visible: false });
});

it('tells of every change, and of none after it was closed', async () => {
  const { host, document, battery, connection, press, disconnect } = setUp();
  const watch = watchDevice(host);
  const seen: DeviceState[] = [];
  watch.subscribe((state) => seen.push(state));
  await vi.waitFor(() => expect(watch.state.battery).toEqual({ charging: true, level: 1 }), 60_000);
  Object.assign(battery, { charging: false, level: 0.4 });
  battery.dispatchEvent(new Event('chargingchange'));
  Object.assign(connection, { saveData: true, type: 'cellular' });
  connection.dispatchEvent(new Event('change'));
  press('serious');
  press('serious');
  expect(seen.at(-1)).toEqual({
    visible: true,
    battery: { charging: false, level: 0.4 },
    saveData: true,
    connection: 'cellular',
    pressure: 'serious',
  });
  expect(seen).toHaveLength(4);

  watch.close();
  document.visibilityState = 'hidden';
  document.dispatchEvent(new Event('visibilitychange'));
  battery.dispatchEvent(new Event('levelchange'));
  press('nominal');
  expect(seen).toHaveLength(4);
  expect(disconnect).toHaveBeenCalledTimes(1);
});

it('goes on without what the browser refuses', async () => {
  const { host, document } = setUp();
  const refused = vi.spyOn(console, 'info').mockImplementation(() => undefined);
  const watch = watchDevice({
    ...host,
    navigator: { getBattery: () => Promise.reject(new DOMException('no', 'NotAllowedError')) },
  } as unknown as DeviceHost);
  await vi.waitFor(() => expect(refused).toHaveBeenCalled(), 60_000);
  document.dispatchEvent(new Event('visibilitychange'));
  expect(watch.state).toEqual(silent);
  refused.mockRestore();
});
