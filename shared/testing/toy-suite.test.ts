import { seededRandom } from '../random/index.ts';
import { suiteContract } from '../secagg/suite-contract.ts';
import { fakeCryptoRandom } from './session-world.ts';
import { toyIdentity, toySuite } from './toy-suite.ts';

const random = fakeCryptoRandom(seededRandom('toy suite'));
suiteContract('toy', () => toySuite(random), toyIdentity(random.bytes(32)));
