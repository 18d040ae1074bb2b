/** Everything that the module exports. */
export { addWords } from './add-words';
export { largestMagnitude, addSquares, addSquaresExactly } from './distances';
export { addRow, roundSums, sumWeighted } from './weighted-sum';
export { medianOfRows, trimmedMeanOfRows } from './order-statistics';
