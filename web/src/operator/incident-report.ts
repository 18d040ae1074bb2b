import { formatDate, formatPercent } from '../app/format.ts';
import type { Incident } from './operator-api.ts';

/** The written report of an incident, for people: Markdown. */
export function incidentText(incident: Incident): string {
  const { trainings, federations } = partsOf(incident);
  const lines = [
    `# Incident ${incident.id}`,
    '',
    `- Stopped: ${formatDate(incident.openedAtMs)}`,
    `- By: ${incident.openedBy}`,
    `- Reason: ${incident.reason}`,
    `- Resumed: ${incident.closedAtMs === null ? 'not yet' : formatDate(incident.closedAtMs)}`,
    '',
    '## Trainings under way',
    '',
    ...(trainings.length === 0
      ? ['None.']
      : trainings.map(
          ({ id, federation, status, round }) => `- ${id} of ${federation}: ${status}, after round ${round}`,
        )),
    '',
    '## Federations',
    '',
    ...(federations.length === 0
      ? ['None was coordinated here.']
      : federations.map((each) => {
          const abandoned =
            each.abandoned === null ? 'no round under way' : `round ${each.abandoned.round} given up`;
          const budget =
            each.budgetShare === null
              ? ''
              : `, ${formatPercent(each.budgetShare)} of its privacy budget spent`;
          return `- ${each.federation}: ${each.present} present, ${abandoned}${budget}`;
        })),
    '',
  ];
  return lines.join('\n');
}

interface Parts {
  readonly trainings: readonly {
    readonly id: string;
    readonly federation: string;
    readonly status: string;
    readonly round: number;
  }[];
  readonly federations: readonly {
    readonly federation: string;
    readonly present: number;
    readonly abandoned: { readonly round: number } | null;
    readonly budgetShare: number | null;
  }[];
}

/** A report of another version of the server may lack either. */
function partsOf({ report }: Incident): Parts {
  const { trainings, federations } = report as unknown as Partial<Parts>;
  return { trainings: trainings ?? [], federations: federations ?? [] };
}
