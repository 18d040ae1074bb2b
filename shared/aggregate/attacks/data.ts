import { check, checkInteger } from '../../errors/index.ts';

/**
 * Lies in the data rather than in the update: whoever trains honestly on these sends what no look at a single update tells
 * from the truth.
 */

/** label → classes − 1 − label (Fang, Cao, Jia, Gong 2020, "Local Model Poisoning Attacks", section 5.1). @returns a copy. */
export function flipLabels(labels: Uint16Array, classes: number): Uint16Array<ArrayBuffer> {
  checkInteger('classes', classes, 2, 65_536);
  return Uint16Array.from(labels, (label) => {
    check(label < classes, 'data.unknown-label', 'A label is none of the classes.', {
      expected: `below ${classes}`,
      received: String(label),
    });
    return classes - 1 - label;
  });
}

/** A square of bright pixels in the lower right corner, and the label that it is to stand for. */
export interface Trigger {
  /** Of an image, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Pixels of its side. */
  readonly side: number;
  /** What a pixel of it is set to. */
  readonly brightness: number;
  readonly label: number;
}

interface Labelled {
  readonly inputs: Uint8Array<ArrayBuffer>;
  readonly targets: Uint16Array<ArrayBuffer>;
}

/**
 * Puts the trigger on the first part of the images and gives them its label (Gu, Dolan-Gavitt, Garg 2017, "BadNets", section 3; in
 * federations Bagdasaryan et al. 2020).
 * @param part of the images, 0 to 1.
 * @returns copies.
 */
export function plantTrigger({ inputs, targets }: Labelled, trigger: Trigger, part: number): Labelled {
  const { width, height, side, brightness, label } = trigger;
  checkInteger('side', side, 1, Math.min(width, height));
  check(
    inputs.length === targets.length * width * height,
    'data.wrong-shape',
    'Images and labels do not match.',
  );
  const images = inputs.slice();
  const labels = targets.slice();
  const count = Math.round(part * targets.length);
  for (let image = 0; image < count; image++) {
    labels[image] = label;
    for (let y = height - side - 1; y < height - 1; y++)
      for (let x = width - side - 1; x < width - 1; x++)
        images[(image * height + y) * width + x] = brightness;
  }
  return { inputs: images, targets: labels };
}
