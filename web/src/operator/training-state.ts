import type { LiveEvent, Training, TrainingMetrics } from '../../../shared/client/index.ts';

/** What is known of a training that is watched. */
export interface TrainingState {
  readonly training: Training;
  /** By round. */
  readonly accuracy: ReadonlyMap<number, number>;
  readonly loss: ReadonlyMap<number, number>;
  /** The round under way. */
  readonly underWay: { readonly round: number; readonly invited: number | undefined } | undefined;
  /** The last round that was given up. */
  readonly abandoned: { readonly round: number; readonly code: string } | undefined;
}

export function stateOf(training: Training, metrics: TrainingMetrics['metrics'] = []): TrainingState {
  return withMetrics(
    { training, accuracy: new Map(), loss: new Map(), underWay: undefined, abandoned: undefined },
    metrics,
  );
}

export function withMetrics(state: TrainingState, metrics: TrainingMetrics['metrics']): TrainingState {
  if (metrics.length === 0) return state;
  const [accuracy, loss] = [new Map(state.accuracy), new Map(state.loss)];
  for (const { round_number: round, metric_type: type, value } of metrics) {
    if (type === 'accuracy') accuracy.set(round, value);
    if (type === 'loss') loss.set(round, value);
  }
  return { ...state, accuracy, loss };
}

/** What the server told, applied. An older revision than what is known is left out. */
export function withEvent(state: TrainingState, event: LiveEvent): TrainingState {
  switch (event.type) {
    case 'round_started': {
      const { round_number: round, cohort } = event.round;
      const invited = Array.isArray(cohort) ? cohort.length : typeof cohort === 'number' ? cohort : undefined;
      return { ...state, underWay: { round, invited } };
    }
    case 'round_completed': {
      const { training } = state;
      const round = Math.max(training.round, event.round.round_number);
      return { ...state, training: { ...training, round }, underWay: undefined, abandoned: undefined };
    }
    case 'round_abandoned': {
      const { round_number: round, code } = event.round;
      return { ...state, underWay: undefined, abandoned: { round, code: String(code) } };
    }
    case 'metric_update':
      return withMetrics(state, [event.metric]);
    case 'training_status':
    case 'training_completed':
      return withTraining(state, event.training);
    default:
      return state;
  }
}

export function withTraining(state: TrainingState, training: Training): TrainingState {
  if (training.id !== state.training.id || training.revision < state.training.revision) return state;
  const isOn = training.status === 'RUNNING' || training.status === 'STOPPING';
  return { ...state, training, underWay: isOn ? state.underWay : undefined };
}

/** In the order of rounds, for a chart. */
export function pointsOf(
  values: ReadonlyMap<number, number>,
): readonly { readonly x: number; readonly y: number }[] {
  return [...values].sort(([a], [b]) => a - b).map(([x, y]) => ({ x, y }));
}

/** The round to ask metrics from: evaluations of the last known one may still come. */
export function lastRound({ accuracy, loss }: TrainingState): number {
  return Math.max(0, ...accuracy.keys(), ...loss.keys());
}
