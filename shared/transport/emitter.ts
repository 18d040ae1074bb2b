export interface Emitter<Event> {
  emit(event: Event): void;
  subscribe(listener: (event: Event) => void): () => void;
}

/**
 * Listeners of one kind of event, called in the order they subscribed.
 * @param onFailure is told what a listener threw; the other listeners are called all the same.
 */
export function createEmitter<Event>(onFailure: (thrown: unknown) => void): Emitter<Event> {
  const listeners = new Set<{ readonly call: (event: Event) => void }>();
  return {
    emit(event) {
      for (const listener of [...listeners]) {
        try {
          listener.call(event);
        } catch (thrown) {
          onFailure(thrown);
        }
      }
    },
    subscribe(call) {
      const entry = { call };
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
  };
}
