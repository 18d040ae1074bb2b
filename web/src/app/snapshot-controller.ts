import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { SessionSnapshot } from '../session/snapshot.ts';
import type { SessionService } from './services.ts';

type Listener = (before: SessionSnapshot | undefined, now: SessionSnapshot | undefined) => void;

/** The newest snapshot of the session, for a component that shows it. */
export class SnapshotController implements ReactiveController {
  current: SessionSnapshot | undefined;
  readonly #host: ReactiveControllerHost;
  readonly #session: () => SessionService;
  readonly #onChange: Listener | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(host: ReactiveControllerHost, session: () => SessionService, onChange?: Listener) {
    this.#host = host;
    this.#session = session;
    this.#onChange = onChange;
    host.addController(this);
  }

  /** Properties are there from the first update on. */
  hostUpdate(): void {
    this.#unsubscribe ??= this.#session().subscribe((snapshot) => {
      const before = this.current;
      this.current = snapshot;
      this.#onChange?.(before, snapshot);
      this.#host.requestUpdate();
    });
  }

  hostConnected(): void {
    this.#host.requestUpdate();
  }

  hostDisconnected(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }
}
