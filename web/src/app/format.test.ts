import { describe, expect, it } from 'vitest';
import { counted, formatBytes, formatDuration, formatPercent, formatRate, shortHash } from './format.ts';

describe('formatBytes', () => {
  it('takes decimal units and three digits', () => {
    expect(formatBytes(0, 'en')).toBe('0 bytes');
    expect(formatBytes(999, 'en')).toBe('999 bytes');
    expect(formatBytes(1000, 'en')).toBe('1 kB');
    expect(formatBytes(1_234_567, 'en')).toBe('1.23 MB');
    expect(formatBytes(5e15, 'en')).toBe('5,000 TB');
  });
});

it('formats rates, shares, durations and hashes', () => {
  expect(formatRate(2_500_000, 'en')).toBe('2.5 MB/s');
  expect(formatPercent(0.9312, 'en')).toBe('93.1%');
  expect(formatDuration(140, 'en')).toBe('140 ms');
  expect(formatDuration(2500, 'en')).toBe('2.5 sec');
  expect(formatDuration(150_000, 'en')).toBe('2.5 min');
  expect(shortHash('0123456789abcdef')).toBe('01234567');
});

it('counts in the singular and the plural', () => {
  expect(counted(1, 'example')).toBe('1 example');
  expect(counted(2, 'example')).toBe('2 examples');
  expect(counted(0, 'copy', 'copies')).toBe('0 copies');
});
