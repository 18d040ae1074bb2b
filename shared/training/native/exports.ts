/**
 * What assembly/index.ts exports, as TypeScript sees it. Pointers are byte offsets into the heap, of float32 arrays
 * unless said otherwise; sizes count numbers.
 */
export interface NativeKernels {
  /** 96 floating-point operations per iteration, on registers only. */
  peakMulAdd(iterations: number): number;

  // Convolution: assembly/conv2d*.ts describe the parameters. Steps, offsets and pitches are bytes.
  convolve(
    x: number,
    pitch: number,
    table: number,
    tiles: number,
    filterRows: number,
    run: number,
    panels: number,
    columns: number,
    bias: number,
    least: number,
    most: number,
    y: number,
  ): void;
  filterGradient(
    x: number,
    images: number,
    frame: number,
    pitch: number,
    rows: number,
    columns: number,
    xRow: number,
    xColumn: number,
    filterRows: number,
    run: number,
    panels: number,
    outputs: number,
    add: boolean,
    gradient: number,
  ): void;
  packPanels(source: number, rows: number, columns: number, panels: number): void;
  packTurnedPanels(
    filter: number,
    filterWidth: number,
    inputs: number,
    outputs: number,
    firstRow: number,
    rowStep: number,
    rows: number,
    firstColumn: number,
    columnStep: number,
    columns: number,
    panels: number,
  ): void;
  frameRows(
    x: number,
    images: number,
    xImage: number,
    xPitch: number,
    height: number,
    firstRow: number,
    xOffset: number,
    rowBytes: number,
    frames: number,
    frame: number,
    pitch: number,
    rows: number,
    offset: number,
  ): void;
  tabulatePositions(
    table: number,
    images: number,
    rows: number,
    columns: number,
    xImage: number,
    xRow: number,
    xColumn: number,
    yImage: number,
    yRow: number,
    yColumn: number,
  ): void;
  /** Sets bytes to zero. */
  clear(to: number, bytes: number): void;

  // Depthwise convolution: assembly/depthwise.ts.
  depthwise(
    x: number,
    pitch: number,
    table: number,
    tiles: number,
    filterRows: number,
    filterColumns: number,
    filter: number,
    padded: number,
    channels: number,
    bias: number,
    least: number,
    most: number,
    add: boolean,
    y: number,
  ): void;
  depthwiseFilterGradient(
    x: number,
    images: number,
    frame: number,
    pitch: number,
    rows: number,
    columns: number,
    xRow: number,
    xColumn: number,
    filterRows: number,
    filterColumns: number,
    dy: number,
    padded: number,
    channels: number,
    add: boolean,
    gradient: number,
  ): void;
  frameChannels(
    x: number,
    images: number,
    height: number,
    width: number,
    channels: number,
    firstRow: number,
    firstColumn: number,
    columns: number,
    times: number,
    over: number,
    shift: number,
    count: number,
    padded: number,
    frames: number,
    frame: number,
    pitch: number,
    rows: number,
    offset: number,
  ): void;
  packDepthwise(
    filter: number,
    filterWidth: number,
    channels: number,
    firstRow: number,
    rowStep: number,
    rows: number,
    firstColumn: number,
    columnStep: number,
    columns: number,
    turned: boolean,
    times: number,
    shift: number,
    count: number,
    padded: number,
    packed: number,
  ): void;
  padRows(from: number, rows: number, channels: number, padded: number, to: number): void;

  // Pooling: assembly/pool.ts.
  pool(
    x: number,
    images: number,
    height: number,
    width: number,
    channels: number,
    windowHeight: number,
    windowWidth: number,
    strideHeight: number,
    strideWidth: number,
    top: number,
    left: number,
    outHeight: number,
    outWidth: number,
    average: boolean,
    y: number,
  ): void;
  avgPoolGradient(
    dy: number,
    images: number,
    height: number,
    width: number,
    channels: number,
    windowHeight: number,
    windowWidth: number,
    strideHeight: number,
    strideWidth: number,
    top: number,
    left: number,
    outHeight: number,
    outWidth: number,
    dx: number,
  ): void;
  maxPoolGradient(
    dy: number,
    x: number,
    images: number,
    height: number,
    width: number,
    channels: number,
    windowHeight: number,
    windowWidth: number,
    strideHeight: number,
    strideWidth: number,
    top: number,
    left: number,
    outHeight: number,
    outWidth: number,
    dx: number,
  ): void;

  /** Ids are int32. assembly/embedding.ts. */
  segmentSum(x: number, ids: number, rows: number, row: number, segments: number, sums: number): void;

  // Matrix products: assembly/mat-mul.ts.
  matMulScratchBytes(): number;
  matMul(
    batch: number,
    m: number,
    n: number,
    k: number,
    a: number,
    aStride: number,
    aLead: number,
    transposeA: boolean,
    b: number,
    bStride: number,
    bLead: number,
    transposeB: boolean,
    c: number,
    cStride: number,
    cLead: number,
    accumulate: boolean,
    scratch: number,
    weights?: number,
  ): void;

  // One pass over all numbers, or over the rows of a matrix: assembly/elementwise.ts, norms.ts.
  addBias(x: number, rows: number, width: number, bias: number, least: number, most: number): void;
  reluGradient(dy: number, y: number, n: number, out: number): void;
  rowSquaredNorms(x: number, rows: number, width: number, norms: number, accumulate: boolean): void;
  scaleRows(x: number, rows: number, width: number, factors: number, out: number): void;
  weightedSumOfRows(
    x: number,
    rows: number,
    width: number,
    factors: number,
    out: number,
    accumulate: boolean,
  ): void;
  columnSums(x: number, rows: number, width: number, out: number, accumulate: boolean): void;

  // Activations and normalization: assembly/gelu.ts, normalize.ts.
  gelu(x: number, n: number, out: number): void;
  geluGradient(slope: number, x: number, n: number, out: number): void;
  normalizeRows(
    x: number,
    rows: number,
    width: number,
    gamma: number,
    beta: number,
    epsilon: number,
    y: number,
    normalized: number,
    scales: number,
  ): void;
  normalizeRowsGradient(
    slope: number,
    normalized: number,
    scales: number,
    gamma: number,
    rows: number,
    width: number,
    products: number,
    dx: number,
  ): void;

  normalizeChannels(
    x: number,
    sets: number,
    positions: number,
    channels: number,
    groups: number,
    gamma: number,
    beta: number,
    epsilon: number,
    y: number,
    centred: number,
    means: number,
    variances: number,
    scales: number,
  ): void;
  normalizeChannelsGradient(
    slope: number,
    centred: number,
    scales: number,
    gamma: number,
    sets: number,
    positions: number,
    channels: number,
    groups: number,
    room: number,
    dx: number,
    gammaSums: number,
    betaSums: number,
  ): void;

  // Optimizer steps in place: assembly/optimizer.ts.
  sgdStep(w: number, g: number, n: number, rate: number, scale: number, decay: number): void;
  momentumStep(
    w: number,
    g: number,
    velocity: number,
    n: number,
    rate: number,
    scale: number,
    decay: number,
    momentum: number,
    nesterov: boolean,
  ): void;
  adamStep(
    w: number,
    g: number,
    m: number,
    v: number,
    n: number,
    rate: number,
    scale: number,
    beta1: number,
    beta2: number,
    correction1: number,
    correction2: number,
    epsilon: number,
    decay: number,
  ): void;

  /** Labels are int32. assembly/softmax.ts. */
  softmaxCrossEntropy(
    logits: number,
    labels: number,
    rows: number,
    classes: number,
    losses: number,
    slopes: number,
  ): void;
}
