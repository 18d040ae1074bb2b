import { MurmurationError } from '../../shared/errors/index.ts';

export function outOfPhase(expected: string, received: string): MurmurationError {
  const summary = 'This message is not allowed now.';
  return new MurmurationError('wire.out-of-phase', summary, { expected, received });
}
