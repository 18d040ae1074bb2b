/**
 * Who leads a federation: runs the server's node in it. At most one replica does; whoever stops hearing from what
 * decides it (the database) stops leading before another can begin. SPEC X-03.
 */
export interface Leadership {
  /**
   * Asks for the lead of a federation; never waits for another to give it up.
   * @param onLost is called once, when the lease is gone without having been released: stop at once, write nothing more.
   * @returns undefined while another replica leads, or while nobody can say who does.
   */
  lead(federation: string, handlers: LeaseHandlers): Promise<Lease | undefined>;
  /** Releases every lease. */
  close(): Promise<void>;
}

export interface LeaseHandlers {
  readonly onLost: () => void;
}

export interface Lease {
  readonly federation: string;
  readonly held: boolean;
  /** Gives the lead up; another replica may take it from now on. A second call changes nothing. */
  release(): Promise<void>;
}

/** For one process, or several hubs in one: whoever asks first leads until it releases. */
export function localLeadership(): Leadership {
  const leases = new Map<string, Lease>();
  return {
    async lead(federation) {
      if (leases.has(federation)) return undefined;
      const lease: Lease = {
        federation,
        get held() {
          return leases.get(federation) === lease;
        },
        async release() {
          if (leases.get(federation) === lease) leases.delete(federation);
        },
      };
      leases.set(federation, lease);
      return lease;
    },
    async close() {
      leases.clear();
    },
  };
}
