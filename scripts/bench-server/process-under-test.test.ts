import { expect, test } from 'vitest';
import { processorMs, residentBytes } from './process-under-test.ts';

test('reads what a process holds', () => {
  expect(residentBytes('Name:\tnode\nVmPeak:\t 999 kB\nVmRSS:\t     20 kB\nThreads:\t11\n')).toBe(20_480);
  expect(() => residentBytes('Name:\tnode\n')).toThrow('VmRSS');
});

test('adds time in the program and in the kernel, whatever the program is called', () => {
  const stat = '42 (no) (de) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 7 7 20 0 11 0 1 2 3';
  expect(processorMs(stat)).toBe(2000);
});
