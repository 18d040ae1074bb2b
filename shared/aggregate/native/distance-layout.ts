/** Coordinates that are worked on at once: over them it is decided whether float32 will do. */
export const WIDTH = 1024;
/** Coordinates that are added up in float32. */
export const BLOCK = 128;
/** 2^60: the sum of 32 squares of differences of smaller numbers is below the largest float32. */
export const LARGEST_SQUARED = 2 ** 60;
