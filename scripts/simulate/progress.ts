import { grouped } from '../table.ts';
import { chartLines, sideBySide } from './chart.ts';
import type { RoundResult } from './run.ts';

/** Where a simulation is shown while it runs: `process.stdout`, or less. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Progress {
  round(result: RoundResult): void;
  note(text: string): void;
}

const CHART_ROWS = 10;
const NARROWEST = 24;

/** On a terminal a chart that is drawn anew each round, with a line below it; elsewhere a line for each round. */
export function createProgress(screen: Screen, rounds: number): Progress {
  const results: RoundResult[] = [];
  let drawnLines = 0;

  const erase = (): void => {
    if (drawnLines > 0) screen.write(`\u001b[${drawnLines}A\u001b[J`);
    drawnLines = 0;
  };

  function draw(): void {
    const width = Math.max(NARROWEST, Math.floor(((screen.columns ?? 100) - 20) / 2));
    const last = Math.max(2, rounds);
    const curve = (of: (result: RoundResult) => number | undefined) =>
      results.flatMap((result) => {
        const value = of(result);
        return value === undefined ? [] : [{ round: result.round, value }];
      });
    const common = { width, height: CHART_ROWS, last };
    const charts = [
      chartLines(
        curve(({ accuracy }) => accuracy),
        {
          ...common,
          title: 'accuracy',
          range: [0, 1],
          format: (value) => `${(100 * value).toFixed(0)} %`,
        },
      ),
      chartLines(
        curve(({ loss }) => loss),
        { ...common, title: 'loss', format: (value) => value.toFixed(2) },
      ),
    ];
    const lines = [...sideBySide(charts), progressLine(results.at(-1)!, rounds)];
    screen.write(`${lines.map((line) => line.slice(0, screen.columns ?? line.length)).join('\n')}\n`);
    drawnLines = lines.length;
  }

  return {
    round(result) {
      results.push(result);
      if (screen.isTTY !== true) {
        screen.write(`${progressLine(result, rounds)}\n`);
        return;
      }
      erase();
      draw();
    },
    note(text) {
      erase();
      screen.write(`${text}\n`);
      if (screen.isTTY === true && results.length > 0) draw();
    },
  };
}

export function progressLine(result: RoundResult, rounds: number): string {
  const { round, accuracy, loss, simulatedSeconds, survivors, invited, liarsInSum, abandoned } = result;
  return [
    `round ${String(round).padStart(String(rounds).length)}/${rounds}`,
    ...(accuracy === undefined ? [] : [`${(100 * accuracy).toFixed(2)} %`]),
    ...(loss === undefined ? [] : [`loss ${loss.toFixed(3)}`]),
    result.rolledBackTo === undefined
      ? `${survivors} of ${invited} in the sum`
      : `back to version ${result.rolledBackTo}`,
    ...(liarsInSum === 0 ? [] : [`${liarsInSum} of them liars`]),
    ...(abandoned === 0 ? [] : [`after ${abandoned} attempts`]),
    `${duration(simulatedSeconds)} simulated`,
    `${result.seconds.toFixed(1)} s`,
    `${grouped(result.residentBytes / 1e6)} MB`,
  ].join('  ');
}

/** 3 d 04:05:06, without what is zero in front. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(Math.floor(whole / 3600) % 24)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  const days = Math.floor(whole / 86_400);
  return days === 0 ? clock : `${days} d ${clock}`;
}
