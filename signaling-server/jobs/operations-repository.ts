import { desc, eq, isNull } from 'drizzle-orm';
import type { Database } from '../storage/database.ts';
import { incidents, switches } from '../storage/operator-schema.ts';

/** Switches of the whole server. `halt`: no rounds, and those under way are abandoned. */
export type SwitchName = 'drain' | 'halt';

export interface Switch {
  readonly name: SwitchName;
  readonly isOn: boolean;
  readonly reason: string;
  readonly setBy: string;
  readonly setAtMs: number;
}

export interface Incident {
  readonly id: string;
  readonly openedAtMs: number;
  readonly closedAtMs: number | null;
  readonly openedBy: string;
  readonly reason: string;
  /** Numbers and identifiers of federations, runs and trainings; of participants counts. */
  readonly report: Readonly<Record<string, unknown>>;
}

export interface OperationsRepository {
  readSwitches(): Promise<ReadonlySet<SwitchName>>;
  setSwitch(change: Switch): Promise<void>;
  /** Keeping the same id again changes nothing. */
  openIncident(incident: Omit<Incident, 'closedAtMs'>): Promise<void>;
  closeIncidents(atMs: number): Promise<void>;
  /** Newest first. */
  listIncidents(limit: number): Promise<Incident[]>;
}

export function operationsRepository(database: Database): OperationsRepository {
  return {
    async readSwitches() {
      const rows = await database.run((db) =>
        db.select({ name: switches.name }).from(switches).where(eq(switches.isOn, true)),
      );
      return new Set(rows.map(({ name }) => name as SwitchName));
    },

    async setSwitch({ name, ...set }) {
      await database.run((db) =>
        db
          .insert(switches)
          .values({ name, ...set })
          .onConflictDoUpdate({ target: switches.name, set }),
      );
    },

    async openIncident(incident) {
      await database.run((db) => db.insert(incidents).values(incident).onConflictDoNothing());
    },

    async closeIncidents(atMs) {
      await database.run((db) =>
        db.update(incidents).set({ closedAtMs: atMs }).where(isNull(incidents.closedAtMs)),
      );
    },

    listIncidents: async (limit) =>
      database.run((db) =>
        db.select().from(incidents).orderBy(desc(incidents.openedAtMs), desc(incidents.id)).limit(limit),
      ),
  };
}
