import { z } from 'zod';
import { positiveInt } from './fields.ts';

/** How updates become one, and the model the next: what is sent, in how many bytes, what is made of it. */

const part = z.number().min(0).lt(1);

/**
 * What the server makes of the mean update, as if it were the negative of a gradient (Reddi et al. 2021, "Adaptive Federated
 * Optimization", algorithm 2). Every device computes it alike; what it remembers is part of the model.
 */
const serverOptimizer = z.discriminatedUnion('type', [
  /** FedAvg; with momentum FedAvgM (Hsu, Qi, Brown 2019). */
  z.strictObject({
    type: z.literal('sgd'),
    momentum: part.default(0),
    nesterov: z.boolean().default(false),
  }),
  /** FedAdam. */
  z.strictObject({
    type: z.literal('adam'),
    beta1: part.default(0.9),
    beta2: part.default(0.99),
    /** Adaptivity: the smaller, the more do steps differ between coordinates. */
    tau: z.number().positive().max(1).default(1e-3),
  }),
  /** FedYogi. */
  z.strictObject({
    type: z.literal('yogi'),
    beta1: part.default(0.9),
    beta2: part.default(0.99),
    tau: z.number().positive().max(1).default(1e-3),
  }),
  /** FedAdagrad. */
  z.strictObject({
    type: z.literal('adagrad'),
    beta1: part.default(0),
    tau: z.number().positive().max(1).default(1e-3),
  }),
]);

/** How many of what is put together (updates, or sums of groups) may be lies. */
const byzantine = z.int().min(0).max(2047);

/**
 * A rule that lies among what it puts together cannot pull away. Over single updates where the server sees them; under secure
 * aggregation over the sums of groups. `mean`: none but the bounds below.
 */
const robust = z.strictObject({
  rule: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('mean') }),
    z.strictObject({ type: z.literal('median') }),
    z.strictObject({ type: z.literal('trimmed-mean') }),
    /** Smoothed Weiszfeld, until it moves by less than a millionth of the spread. */
    z.strictObject({ type: z.literal('geometric-median') }),
    z.strictObject({ type: z.literal('krum') }),
    /** The mean of the `select` best; left out, of n − f. */
    z.strictObject({ type: z.literal('multi-krum'), select: positiveInt(4096).optional() }),
    z.strictObject({ type: z.literal('bulyan') }),
    z.strictObject({
      type: z.literal('centred-clipping'),
      /** L2 distance from the centre beyond which what comes is pulled in; left out, the median distance. */
      radius: z.number().positive().optional(),
      iterations: positiveInt(100).default(3),
    }),
  ]),
  /** f: lies that the rule has to stand. */
  byzantine,
  /** Each is first replaced by the mean of its n − f nearest (Allouah et al. 2023, "Fixing by Mixing"). */
  mixing: z.enum(['none', 'nearest-neighbours']).default('none'),
  /** Longer ones are scaled down to this L2 norm, or to the median of all norms. */
  normBound: z.union([z.literal('median'), z.number().positive()]).optional(),
  /**
   * `held-out`: what makes the model worse on the operator's held-out examples is left out before the rule (Xie et al. 2019,
   * "Zeno"); for rounds in which liars may be the majority of groups.
   */
  screening: z.enum(['none', 'held-out']).default('none'),
});

/** Fewer bytes. The budget or the stages; with a budget the stages are planned (shared/compress/planner.ts). */
const compression = z.strictObject({
  /** Most bytes that a participant sends in a round: the planner chooses the stages below that lose least. */
  uploadBytes: positiveInt(2 ** 31).optional(),
  /** Part of the coordinates that are trained and sent in a round, drawn anew for all of the cohort from the base model. */
  keep: z.number().positive().max(1).optional(),
  /** Matrices are sent as factors of this rank (Vogels et al. 2019, "PowerSGD"). */
  rank: positiveInt(1024).optional(),
  /** Bits of a sum's coordinate: of what is rotated and rounded at random. */
  bits: z.union([z.literal(8), z.literal(12), z.literal(16), z.literal(24), z.literal(32)]).optional(),
  /** Part of the coordinates, the largest; what is not sent is added to the next update. Not with secure aggregation. */
  topK: z.number().positive().max(1).optional(),
  /** Integers in as many bits as they have information. Not with secure aggregation. */
  entropyCoding: z.boolean().default(false),
});

/** Who of those that are there is invited. */
const selection = z.strictObject({
  /**
   * `uniform`; `resources`: the quicker the likelier, as far as the coordinator has seen and participants agreed to report;
   * `data-size`: by the number of examples; `fairness`: whoever took part least comes first.
   */
  by: z.enum(['uniform', 'resources', 'data-size', 'fairness']).default('uniform'),
  /** Of n that are invited the round goes on with the first ⌈n / overSelection⌉ that have trained. SPEC C-54. */
  overSelection: z.number().min(1).max(4).default(1),
});

/** Takes the bad steps back: the model returns to its best version. */
const rollback = z.strictObject({
  /** Evaluations in a row that are worse than the best by more than `threshold`. */
  afterRounds: positiveInt(1000).default(3),
  /** Of accuracy, 0 to 1. */
  threshold: z.number().min(0).max(1).default(0.05),
});

const common = {
  serverLearningRate: z.number().positive().max(10).default(1),
  /** Left out: plain `sgd`. */
  serverOptimizer: serverOptimizer.optional(),
  /** `examples`: weighted by the number of local examples, capped at maxExamples; `uniform`: everyone counts 1. */
  weighting: z.enum(['examples', 'uniform']).default('examples'),
  maxExamples: positiveInt(1_000_000).default(10_000),
  /**
   * L2 norm that an update is scaled down to when it is longer. It bounds every coordinate, and so fixes how
   * many fractional bits fit the 32-bit sums; see shared/compress/fixed-point.ts.
   */
  clipNorm: z.number().positive().max(1e6).default(20),
  /**
   * Bits of a signed coordinate before adding up; fewer make for a narrower ring and fewer bytes, and coarser steps.
   * Left out, as many as sums of 32 bits have room for. With participant-level privacy the bits of the ring itself: 16, 24
   * or 32; left out, as few as make no difference beside the noise.
   */
  quantizationBits: z.int().min(4).max(32).optional(),
  robust: robust.optional(),
  compression: compression.optional(),
  /** Left out: `uniform`, and nobody more than the round needs. */
  selection: selection.optional(),
  rollback: rollback.optional(),
};

export const strategySchema = z.discriminatedUnion('type', [
  /** McMahan et al. 2017; with training.proximal, FedProx (Li et al. 2020). */
  z.strictObject({ type: z.literal('fedavg'), ...common }),
  /** Control variates against clients that drift apart (Karimireddy et al. 2020, option II). */
  z.strictObject({
    type: z.literal('scaffold'),
    ...common,
    /** N: participants in all, of whom some take part in each round. */
    population: positiveInt(1_000_000),
    /** L2 norm that a change of a control variate is scaled down to; one number per parameter, as a mean gradient. */
    controlClipNorm: z.number().positive().max(1e6).default(20),
  }),
  /** Updates divided by the steps that made them (Wang et al. 2020); clipNorm is that of an update so divided. */
  z.strictObject({
    type: z.literal('fednova'),
    ...common,
    /** Most local steps of a round; a participant with more data than that refuses, by name. */
    maxSteps: positiveInt(1_000_000).default(10_000),
  }),
  /** More weight for those the model serves badly (Li et al. 2020, "Fair Resource Allocation in Federated Learning"). */
  z.strictObject({
    type: z.literal('qfedavg'),
    ...common,
    /** 0 is FedAvg with uniform weights. */
    q: z.number().min(0).max(10).default(0.2),
    /** Losses above count as this one. */
    maxLoss: z.number().positive().max(1000).default(10),
  }),
  /**
   * Asynchronous: everyone trains at its own pace; a round adds up the updates of the first minParticipants that are ready,
   * each weighted by (1 + versions it is behind)^−stalenessExponent (Nguyen et al. 2022).
   */
  z.strictObject({
    type: z.literal('fedbuff'),
    ...common,
    /** An update trained from a model more versions behind is not taken; its device trains anew. */
    maxStaleness: z.int().min(0).max(10_000).default(20),
    stalenessExponent: z.number().min(0).max(10).default(0.5),
  }),
]);
