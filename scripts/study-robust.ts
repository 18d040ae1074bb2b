import { availableParallelism } from 'node:os';
import { MurmurationError } from '../shared/errors/index.ts';
import { integerOption, readOptions, writeJson } from './options.ts';
import { loadMnist } from './study-data.ts';
import { QUICK, RECIPE } from './study-robust/recipe.ts';
import { bounds, type Result, sections } from './study-robust/report.ts';
import { runUnits } from './study-robust/threads.ts';
import {
  ATTACKS,
  LIARS,
  RECOMMENDED,
  RULES,
  type Setting,
  type Unit,
  unitName,
} from './study-robust/units.ts';

/**
 * `npm run study:robust -- --only grouped --rules median --json FILE`: what each rule loses to each attack on MNIST, over single
 * updates and over the secure sums of groups. `--quick` tries all of it on little.
 */
const options = readOptions({
  only: { type: 'string' },
  rules: { type: 'string' },
  attacks: { type: 'string' },
  seeds: { type: 'string', default: 'murmuration' },
  recommended: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  workers: { type: 'string', default: String(Math.min(2, availableParallelism())) },
});
const workers = integerOption('workers', options.workers, 1, 64);
const recipe = options.quick ? QUICK : RECIPE;
const units = chosenUnits();
const startedMs = performance.now();

try {
  const results: Result[] = [];
  console.log(`${units.length} runs of ${recipe.rounds} rounds; ${workers} threads.`);
  await runUnits(workers, { images: await loadMnist(), recipe }, units, (unit, outcome) => {
    results.push({ unit, outcome });
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
    console.log(`${seconds.padStart(5)} s  ${unitName(unit)}: ${(100 * outcome.accuracy).toFixed(2)} %`);
  });
  for (const { heading, table } of sections(results)) console.log(`\n${heading}\n\n${table}`);
  const checked = bounds(results);
  writeJson(options.json, { recipe, recommended: RECOMMENDED, bounds: checked, results });
  for (const { name, isMet, reached } of checked)
    console.log(`${isMet ? 'met' : 'MISSED'}: ${name} (${reached.toFixed(2)})`);
  if (options.check && !checked.every(({ isMet }) => isMet)) process.exitCode = 1;
} catch (thrown) {
  console.error(thrown instanceof MurmurationError ? `${thrown.code}: ${thrown.message}` : thrown);
  process.exitCode = 1;
}

/** Every rule against every attack; of a rule that nobody is lying to, one run. The mean is always there to compare with. */
function chosenUnits(): Unit[] {
  const { only } = options;
  if (only !== undefined && only !== 'plain' && only !== 'grouped')
    fail(`--only: expected plain or grouped, received "${only}".`);
  const settings: readonly Setting[] = only === undefined ? ['plain', 'grouped'] : [only];
  const wanted = options.rules?.split(',');
  const unknown = wanted?.find(
    (name) => !settings.some((setting) => RULES[setting].some((rule) => rule.name === name)),
  );
  if (unknown !== undefined)
    fail(
      `--rules: "${unknown}" is none of ${settings.flatMap((s) => RULES[s].map(({ name }) => name)).join(',')}.`,
    );
  const strange = options.attacks?.split(',').find((name) => !ATTACKS.some((attack) => attack === name));
  if (strange !== undefined) fail(`--attacks: "${strange}" is none of ${ATTACKS.join(',')}.`);
  const seeds = options.seeds!.split(',').filter((seed) => seed !== '');
  if (seeds.length === 0) fail('--seeds: expected names, with commas between them.');
  return seeds.flatMap((seed) =>
    settings.flatMap((setting) =>
      RULES[setting]
        .map(({ name }) => name)
        .filter((name) => wanted?.includes(name) ?? (!options.recommended || name === RECOMMENDED[setting]))
        .flatMap((rule) => unitsOf(setting, rule, seed))
        .concat(wanted?.includes('mean') === false || options.recommended ? honestMean(setting, seed) : []),
    ),
  );
}

function unitsOf(setting: Setting, rule: string, seed: string): Unit[] {
  const honest: Unit = { setting, rule, attack: 'none', liars: LIARS[0], seed };
  const wanted = options.attacks?.split(',');
  const attacked = LIARS.flatMap((liars) =>
    ATTACKS.filter((attack) => wanted?.includes(attack) ?? true).map(
      (attack): Unit => ({ setting, rule, attack, liars, seed }),
    ),
  );
  return [honest, ...attacked];
}

function honestMean(setting: Setting, seed: string): Unit[] {
  return [{ setting, rule: 'mean', attack: 'none', liars: LIARS[0], seed }];
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
