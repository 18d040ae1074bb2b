import type { FederationInput, RobustSpec } from '../../shared/federation/index.ts';

/** What is tried: every rule against every attack, over single updates and over the secure sums of small groups. */
export const PARTICIPANTS = 20;
/** The smallest group of which a secure sum hides anyone. */
export const GROUP_SIZE = 3;
/** Groups that a round of twenty comes to: of eighteen, since two would make a group of two. */
const GROUPS = 6;
/** 25 % and 40 %. */
export const LIARS = [5, 8] as const;

export const ATTACKS = [
  'sign flip',
  'label flip',
  'inner product',
  'little is enough',
  'gaussian',
  'back door',
] as const;
export type Attack = (typeof ATTACKS)[number];
export type Setting = 'plain' | 'grouped';

export interface StudyRule {
  readonly name: string;
  /** f is what the rule can bear at most, up to the liars that there are. */
  robust(liars: number): RobustInput | undefined;
  /** Whether participants are left out by what rounds told of them. */
  readonly quarantine?: boolean;
}
type RobustInput = NonNullable<NonNullable<FederationInput['strategy']>['robust']>;
type Type = RobustSpec['rule']['type'];

export interface Unit {
  readonly setting: Setting;
  readonly rule: string;
  readonly attack: Attack | 'none';
  readonly liars: number;
  readonly seed: string;
}

/** The f that so many updates or sums allow: n ≥ multiple · f + more. */
const borne = (n: number, liars: number, multiple: number, more: number): number =>
  Math.min(liars, Math.floor((n - more) / multiple));

function ruleOf(name: string, type: Type, n: number, extra: Partial<RobustInput> = {}): StudyRule {
  const [multiple, more] = type === 'bulyan' ? [4, 3] : type.endsWith('krum') ? [2, 3] : [2, 1];
  return {
    name,
    // Groups are spoiled by about as many as there are liars: then the most that can be borne.
    robust: (liars) =>
      ({ rule: { type }, byzantine: borne(n, liars, multiple, more), ...extra }) as RobustInput,
  };
}

const mixed = { mixing: 'nearest-neighbours' } as const;
const heldOut = { screening: 'held-out' } as const;
const MEAN: StudyRule = { name: 'mean', robust: () => undefined };

const common = (n: number): readonly StudyRule[] => [
  MEAN,
  ruleOf('mean of bounded norms', 'mean', n, { normBound: 'median' }),
  ruleOf('median', 'median', n),
  ruleOf('trimmed mean', 'trimmed-mean', n),
  ruleOf('geometric median', 'geometric-median', n),
  ruleOf('krum', 'krum', n),
  ruleOf('multi-krum', 'multi-krum', n),
  ruleOf('centred clipping', 'centred-clipping', n),
  ruleOf('mixing + trimmed mean', 'trimmed-mean', n, mixed),
];

export const RULES: Readonly<Record<Setting, readonly StudyRule[]>> = {
  plain: [
    ...common(PARTICIPANTS),
    ruleOf('bulyan', 'bulyan', PARTICIPANTS),
    ruleOf('mixing + geometric median', 'geometric-median', PARTICIPANTS, mixed),
  ],
  grouped: [
    ...common(GROUPS),
    ruleOf('held out + mean', 'mean', GROUPS, { ...heldOut, normBound: 'median' }),
    {
      ...ruleOf('held out + quarantine', 'mean', GROUPS, { ...heldOut, normBound: 'median' }),
      quarantine: true,
    },
  ],
};

/** Held to its bound by --check. */
export const RECOMMENDED: Readonly<Record<Setting, string>> = {
  plain: 'mixing + trimmed mean',
  grouped: 'held out + quarantine',
};

export function ruleNamed(setting: Setting, name: string): StudyRule {
  return RULES[setting].find((rule) => rule.name === name)!;
}

export function unitName({ setting, rule, attack, liars, seed }: Unit): string {
  return `${seed}/${setting}/${rule}/${attack}/${liars}`;
}
