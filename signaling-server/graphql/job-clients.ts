import { check } from '../../shared/errors/index.ts';
import { isParticipantId } from '../../shared/identity/index.ts';
import type { Caller } from '../access/principal.ts';
import type { GraphqlServices } from './context.ts';

/** One client of a job: a participant, or all that were admitted for a department. */
export interface JobClient {
  readonly id?: string | null | undefined;
  readonly department?: string | null | undefined;
  readonly dataset?: string | null | undefined;
}

const MAX_CLIENTS = 4096;

/**
 * The participants that a job is about; none: all that its federation admits.
 * @throws `http.bad-request` naming the client and field at fault; `http.forbidden` where departments are named by somebody who may
 * not read who belongs to them.
 */
export async function participantsOf(
  clients: readonly JobClient[],
  caller: Caller,
  federation: string,
  access: Pick<GraphqlServices['access'], 'listMembers'>,
): Promise<string[]> {
  check(clients.length <= MAX_CLIENTS, 'http.bad-request', 'These are too many clients.', {
    path: 'clients',
    expected: `at most ${MAX_CLIENTS}`,
    received: String(clients.length),
  });
  clients.forEach(checkClient);
  const departments = new Map<string, Set<string>>();
  if (clients.some(({ department }) => department != null)) {
    for await (const { participant, department } of membersOf(caller, federation, access)) {
      if (department === null) continue;
      const known = departments.get(department) ?? new Set();
      departments.set(department, known.add(participant));
    }
  }
  const named = new Set<string>();
  clients.forEach(({ id, department }, index) => {
    const members = department == null ? undefined : (departments.get(department) ?? new Set<string>());
    if (id != null) {
      check(
        members === undefined || members.has(id),
        'http.bad-request',
        'This participant is of another department.',
        {
          path: `clients[${index}].department`,
          expected: 'the department that it was admitted for',
          remedy: 'Leave the department out: it is decided at admission.',
        },
      );
      named.add(id);
      return;
    }
    check(
      members !== undefined && members.size > 0,
      'http.bad-request',
      'Nobody was admitted for this department.',
      {
        path: `clients[${index}].department`,
        expected: 'a department with members in this federation',
        remedy: 'Invite its participants first.',
      },
    );
    for (const member of members) named.add(member);
  });
  return [...named];
}

function checkClient({ id, department, dataset }: JobClient, index: number): void {
  check(dataset == null, 'http.bad-request', 'Data are not named here.', {
    path: `clients[${index}].dataset`,
    expected: 'nothing',
    remedy: 'Data stay where they are: each participant chooses its own, in the page or with --data.',
  });
  check(id != null || department != null, 'http.bad-request', 'This names no client.', {
    path: `clients[${index}]`,
    expected: 'the id of a participant, or a department',
  });
  check(id == null || isParticipantId(id), 'http.bad-request', 'This is not the id of a participant.', {
    path: `clients[${index}].id`,
    expected: 'an id as its page or its log shows it',
  });
}

async function* membersOf(
  caller: Caller,
  federation: string,
  access: Pick<GraphqlServices['access'], 'listMembers'>,
) {
  let after: string | undefined;
  do {
    const { items, next } = await access.listMembers(caller, federation, { after, limit: 500 });
    yield* items;
    after = next ?? undefined;
  } while (after !== undefined);
}
