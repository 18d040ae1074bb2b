import type { FaultCell, FaultOutcome, Role } from './fault-table.ts';
import type { Phase } from './lies.ts';

export interface PlayedCell {
  readonly cell: FaultCell;
  readonly outcome: FaultOutcome;
}

const HEAD = `# Fault table

What becomes of a secure round when someone fails or lies. \`shared/session/fault-table.test.ts\` plays every cell with the real
session engine, in simulated time and with toy cryptography, and writes this file; it fails when the file is not what it would
write. To write it anew: \`UPDATE_DOCS=1 npx vitest run shared/session/fault-table.test.ts\`.

## How to read it

Five participants (threshold 4, at least 3) train three rounds in a mesh or, for path \`server\`, with the server as the only
owner. In round 2 one of them, "it", fails:

- **leaves**: its connection is gone for 60 s, from the moment that it would say the first thing of the phase;
- **stalls**: it keeps its connection and says nothing more of that attempt (a coordinator: nothing at all for 70 s; the server
  as an owner: no sums for 70 s);
- **returns late**: it is gone for 20 s, longer than the deadline of the phase, and comes back with its memory wiped;
- **reloads**: the same, gone for 50 ms;
- **is late**: its messages of the phase arrive after the deadline;
- **lies**, in one attempt only, or in all attempts of two minutes.

An outcome names abandoned attempts by the coordinator's code, and then whose sum round 2 became: *all* five, *all but it*, or how many,
with or without it. "Then" is who took part in round 3, where others than all did: whoever was taken for the culprit waits until it
joins anew. "Named" are the codes that others than it noted, and who did; participants may be unable to tell who is to blame
([threat model](THREAT-MODEL.md)).

In every cell the test holds, beside what is written here: the run ends, with one model on all devices; **every committed sum is the exact
sum of its survivors**, computed apart from the engine; survivors are at least three (A-02) and never change (A-33); nobody confirmed two
sets of survivors in one attempt (A-30), no dealer had both kinds of its shares revealed by anyone (A-32), nobody sent two different masked vectors (A-12), and no
update was sent again once it was named among survivors (A-34).
`;

const ABSENCES = ['leaves', 'stalls', 'returns late', 'reloads', 'is late'];

/** The whole document, from every cell in the order of {@link faultCells}. */
export function faultDocument(played: readonly PlayedCell[]): string {
  const roles = [...new Set(played.map(({ cell }) => cell.role))];
  return [
    HEAD,
    ...roles.map((role) => {
      const own = played.filter(({ cell }) => cell.role === role);
      return [
        `## ${heading(role, own)}\n`,
        absenceTable(own.filter(({ cell }) => cell.act.kind !== 'lies')),
        lieTable(own.filter(({ cell }) => cell.act.kind === 'lies')),
      ].join('\n');
    }),
    `${played.length} cells.\n`,
  ].join('\n');
}

function heading(role: Role, own: readonly PlayedCell[]): string {
  const text = role.charAt(0).toUpperCase() + role.slice(1);
  return role.startsWith('server')
    ? text
    : `${text}, ${own[0]!.cell.paths === 'mesh' ? 'mesh' : 'path `server`'}`;
}

function absenceTable(played: readonly PlayedCell[]): string {
  if (played.length === 0) return '';
  const columns = ABSENCES.filter((name) => played.some(({ cell }) => cell.behaviour === name));
  const phases = [...new Set(played.map(({ cell }) => cell.phase))];
  const find = (phase: Phase, behaviour: string) =>
    played.find(({ cell }) => cell.phase === phase && cell.behaviour === behaviour);
  return table(
    ['phase', ...columns],
    phases.map((phase) => [
      phase,
      ...columns.map((behaviour) => {
        const found = find(phase, behaviour);
        return found === undefined ? '–' : outcomeText(found.outcome);
      }),
    ]),
  );
}

function lieTable(played: readonly PlayedCell[]): string {
  const once = played.filter(({ cell }) => cell.lasts === 'one attempt');
  if (once.length === 0) return '';
  const rows = once.map(({ cell, outcome }) => {
    const { outcome: longer } = played.find(
      (other) => other.cell.lasts !== cell.lasts && other.cell.behaviour === cell.behaviour,
    )!;
    const [first, second] = [outcomeText(outcome), outcomeText(longer)];
    return [cell.phase, cell.behaviour, first, second === first ? 'the same' : second, longer.named || '–'];
  });
  return table(['phase', 'lie', 'in one attempt', 'in all of two minutes', 'named'], rows);
}

function outcomeText({ result, next }: FaultOutcome): string {
  return next === 'all' ? result : `${result}; then ${next}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}
