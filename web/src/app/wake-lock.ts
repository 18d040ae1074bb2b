/** Keeps the screen on while wanted. The browser releases it when the page is hidden; it is taken again after. */
export class ScreenWakeLock {
  #wanted = false;
  #held: WakeLockSentinel | undefined;

  want(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    if (wanted) document.addEventListener('visibilitychange', this.#take);
    else document.removeEventListener('visibilitychange', this.#take);
    void this.#take();
  }

  #take = async (): Promise<void> => {
    if (!this.#wanted) {
      const held = this.#held;
      this.#held = undefined;
      await held?.release();
      return;
    }
    if (document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
    if (this.#held !== undefined && !this.#held.released) return;
    try {
      this.#held = await navigator.wakeLock.request('screen');
      if (!this.#wanted) await this.#take();
    } catch (error) {
      console.info('The screen may turn off during the session.', error);
    }
  };
}
