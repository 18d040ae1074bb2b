import type { ParticipantId } from '../identity/index.ts';
import { seededRandom } from '../random/index.ts';
import { systemClock } from '../transport/clock.ts';
import { createMemoryNetwork } from './memory-network.ts';
import { transportContract } from './transport-contract.ts';

const A = 'participant-a---------' as ParticipantId;
const B = 'participant-b---------' as ParticipantId;

transportContract('in memory', async () => {
  const network = createMemoryNetwork(systemClock, seededRandom('contract'));
  const a = network.connect(A, 1);
  const b = network.connect(B, 2);
  return {
    a,
    b,
    async close() {
      await Promise.all([a.close(), b.close()]);
    },
  };
});
