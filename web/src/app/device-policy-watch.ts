import type { DeviceState, Pressure } from './device-policy.ts';

/** What is read of the browser. Most of it exists in some browsers only. */
export interface DeviceHost {
  readonly document: Pick<Document, 'visibilityState' | 'addEventListener' | 'removeEventListener'>;
  readonly navigator: {
    getBattery?(): Promise<BatteryLike>;
    readonly connection?: EventTarget & { readonly saveData?: boolean; readonly type?: string };
  };
  readonly PressureObserver?: PressureObserverConstructor;
}

interface BatteryLike extends EventTarget {
  readonly charging: boolean;
  readonly level: number;
}
interface PressureObserverLike {
  observe(source: 'cpu', options: { sampleInterval: number }): Promise<void>;
  disconnect(): void;
}
type PressureObserverConstructor = new (
  callback: (records: readonly { readonly state: Pressure }[]) => void,
) => PressureObserverLike;

const PRESSURE_INTERVAL_MS = 2000;

/** The state of the device, watched from now until `close`. */
export interface DeviceWatch {
  readonly state: DeviceState;
  subscribe(listener: (state: DeviceState) => void): () => void;
  close(): void;
}

/**
 * Watches what the browser tells of the device. What it refuses to tell stays unknown.
 * @param host the page's own window when left out.
 */
export function watchDevice(host: DeviceHost = globalThis as unknown as DeviceHost): DeviceWatch {
  const { document, navigator } = host;
  const closed = new AbortController();
  const { signal } = closed;
  const listeners = new Set<(state: DeviceState) => void>();
  const readPage = () => ({ visible: document.visibilityState === 'visible' });
  const readNetwork = () => ({
    saveData: navigator.connection?.saveData,
    connection: navigator.connection?.type,
  });
  let state: DeviceState = { ...readPage(), ...readNetwork(), battery: undefined, pressure: undefined };

  const change = (changes: Partial<DeviceState>): void => {
    if (signal.aborted) return;
    state = { ...state, ...changes };
    for (const listener of listeners) listener(state);
  };

  document.addEventListener('visibilitychange', () => change(readPage()), { signal });
  navigator.connection?.addEventListener('change', () => change(readNetwork()), { signal });
  navigator.getBattery?.().then(
    (battery) => {
      const read = () => change({ battery: { charging: battery.charging, level: battery.level } });
      for (const type of ['chargingchange', 'levelchange']) battery.addEventListener(type, read, { signal });
      read();
    },
    (error: unknown) => console.info('The browser does not tell about the battery.', error),
  );
  if (host.PressureObserver !== undefined) {
    const observer = new host.PressureObserver((records) => {
      const newest = records.at(-1);
      if (newest !== undefined && newest.state !== state.pressure) change({ pressure: newest.state });
    });
    observer
      .observe('cpu', { sampleInterval: PRESSURE_INTERVAL_MS })
      .catch((error: unknown) => console.info('The browser does not tell about the processor.', error));
    signal.addEventListener('abort', () => observer.disconnect());
  }

  return {
    get state() {
      return state;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      closed.abort();
      listeners.clear();
    },
  };
}
