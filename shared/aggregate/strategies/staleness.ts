import { check } from '../../errors/index.ts';

/**
 * FedBuff's polynomial weight (1 + versions behind)^−exponent (Nguyen et al. 2022, "Federated Learning with Buffered Asynchronous
 * Aggregation", section 5; exponent ½ there). 1 for an update that is not stale. By multiplications, divisions and square roots only, so
 * that every device computes the same bits. SPEC Y-50.
 * @throws `argument.invalid` for a negative or infinite number.
 */
export function stalenessWeight(versionsBehind: number, exponent: number): number {
  check(
    versionsBehind >= 0 && exponent >= 0 && Number.isFinite(versionsBehind) && Number.isFinite(exponent),
    'argument.invalid',
    'No weight is known for this staleness.',
    { expected: 'versions and an exponent of zero or more', received: `${versionsBehind}, ${exponent}` },
  );
  return 1 / power(1 + versionsBehind, exponent);
}

/** base^exponent: whole powers by multiplication, the rest by the binary digits of the exponent and repeated square roots. */
function power(base: number, exponent: number): number {
  let result = 1;
  let whole = Math.floor(exponent);
  for (let square = base; whole > 0; whole = Math.floor(whole / 2), square *= square)
    if (whole % 2 === 1) result *= square;
  let rest = exponent - Math.floor(exponent);
  for (let root = Math.sqrt(base); rest > 0; root = Math.sqrt(root)) {
    rest *= 2;
    if (rest < 1) continue;
    result *= root;
    rest -= 1;
  }
  return result;
}
