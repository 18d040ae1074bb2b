import { check } from '../errors/index.ts';

/** An array of unsigned bytes as IDX files hold it (Y. LeCun, C. Cortes, the MNIST database, file formats). */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;

/** Whether these first bytes are those of an IDX file of unsigned bytes. */
export function isIdx(bytes: Uint8Array): boolean {
  return bytes.length >= 8 && bytes[0] === 0 && bytes[1] === 0 && bytes[2] === UNSIGNED_BYTE && bytes[3]! > 0;
}

/** Bytes of the header of an IDX file with this many dimensions. */
export function idxHeaderBytes(dimensions: number): number {
  return 4 + 4 * dimensions;
}

/**
 * Reads an IDX file of unsigned bytes: two zero bytes, the type, the number of dimensions, each dimension as
 * big-endian uint32, then the elements in row-major order.
 * @returns a view of `bytes`, not a copy. @throws `data.unreadable`.
 */
export function readIdx(bytes: Uint8Array): IdxArray {
  check(isIdx(bytes), 'data.unreadable', 'The file is not an IDX file of unsigned bytes.', {
    expected: 'the first bytes 00 00 08 and a number of dimensions',
    received: [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
    remedy: 'Choose the file as it was downloaded, unpacked.',
  });
  const dimensions = bytes[3]!;
  const header = idxHeaderBytes(dimensions);
  check(bytes.length >= header, 'data.unreadable', 'The IDX file is cut short.', {
    expected: `a header of ${header} bytes`,
    received: `${bytes.length} bytes`,
  });
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const length = shape.reduce((product, size) => product * size, 1);
  check(bytes.length === header + length, 'data.unreadable', 'The IDX file has the wrong length.', {
    expected: `${header + length} bytes for the shape ${shape.join(' × ')}`,
    received: `${bytes.length} bytes`,
    remedy: 'The file is damaged or was cut short: get it again.',
  });
  return { shape, data: bytes.subarray(header) };
}
