import { expect, it } from 'vitest';
import { RoundMeter } from './round-traffic.ts';

const totals = (bytesSent: number, bytesReceived: number) => ({ bytesSent, bytesReceived });

it('measures from one commit to the next', () => {
  const meter = new RoundMeter();
  meter.takeRecord({ round: 4 }, totals(100, 900));
  expect(meter.latest).toBeUndefined();
  meter.takeRecord({ round: 5 }, totals(350, 1000));
  expect(meter.latest).toEqual({ round: 5, bytesSent: 250, bytesReceived: 100 });
});

it('does not take an evaluation that came later for a round', () => {
  const meter = new RoundMeter();
  meter.takeRecord({ round: 4 }, totals(100, 100));
  meter.takeRecord({ round: 5 }, totals(200, 200));
  meter.takeRecord({ round: 5 }, totals(250, 250));
  expect(meter.latest).toMatchObject({ round: 5, bytesSent: 100 });
  meter.takeRecord({ round: 6 }, totals(300, 300));
  expect(meter.latest).toMatchObject({ round: 6, bytesSent: 100 });
});

it('says nothing of rounds that were missed', () => {
  const meter = new RoundMeter();
  meter.takeRecord({ round: 4 }, totals(100, 100));
  meter.takeRecord({ round: 7 }, totals(900, 900));
  expect(meter.latest).toBeUndefined();
});
