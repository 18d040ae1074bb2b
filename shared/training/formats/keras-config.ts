import { check, MurmurationError } from '../../errors/index.ts';
import { asText, type JsonObject, kindOf } from './json.ts';

/** The settings of one Keras layer, read by name. Whatever is asked for and not supported is refused by name. */
export class LayerConfig {
  readonly className: string;
  readonly name: string;
  readonly #config: JsonObject;

  constructor(className: string, config: JsonObject) {
    this.className = className;
    this.name = asText(config.name, `config of a ${className.slice(0, 40)} layer.name`);
    this.#config = config;
  }

  /** The same layer with another value of one setting. */
  with(key: string, value: unknown): LayerConfig {
    return new LayerConfig(this.className, { ...this.#config, [key]: value });
  }

  /** The layer and the setting, as a person would look for them. */
  path(key?: string): string {
    const layer = `layer "${this.name.slice(0, 80)}" (${this.className.slice(0, 40)})`;
    return key === undefined ? layer : `${layer}, ${key}`;
  }

  keys(): string[] {
    return Object.keys(this.#config);
  }

  /** Undefined where the setting is missing or null. */
  value(key: string): unknown {
    return Object.hasOwn(this.#config, key) ? (this.#config[key] ?? undefined) : undefined;
  }

  integer(key: string, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    check(Number.isSafeInteger(value) && (value as number) > 0, 'model.corrupt', 'A setting is no count.', {
      path: this.path(key),
      expected: 'a positive integer',
      received: kindOf(value),
    });
    return value as number;
  }

  number(key: string, fallback: number): number {
    const value = this.value(key) ?? fallback;
    check(Number.isFinite(value), 'model.corrupt', 'A setting is no number.', {
      path: this.path(key),
      expected: 'a number',
      received: kindOf(value),
    });
    return value as number;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.value(key) ?? fallback;
    check(typeof value === 'boolean', 'model.corrupt', 'A setting is neither true nor false.', {
      path: this.path(key),
      received: kindOf(value),
    });
    return value;
  }

  text(key: string, fallback: string): string {
    return asText(this.value(key) ?? fallback, this.path(key));
  }

  /** A size that is the same in both directions: `3` or `[3, 3]`. */
  square(key: string, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    const sizes = Array.isArray(value) ? value : [value, value];
    check(
      sizes.length === 2 && sizes.every((size) => Number.isSafeInteger(size) && size > 0),
      'model.corrupt',
      'A setting is no size.',
      { path: this.path(key), expected: 'one or two positive integers', received: kindOf(value) },
    );
    if (sizes[0] !== sizes[1])
      throw this.unsupported(key, 'the same in both directions', `[${sizes.join(', ')}]`);
    return sizes[0] as number;
  }

  /** A setting that may be missing, or has to be one of these; of a list, each entry. */
  only(key: string, ...allowed: readonly unknown[]): void {
    const value = this.value(key);
    if (value === undefined) return;
    const entries: readonly unknown[] = Array.isArray(value) ? value : [value];
    const other = entries.find((entry) => !allowed.includes(entry));
    if (entries.length > 0 && other === undefined) return;
    throw this.unsupported(key, allowed.map(String).join(' or '), describe(other));
  }

  unsupported(key: string | undefined, expected: string, received?: string): MurmurationError {
    return new MurmurationError('model.unsupported', 'The Keras model does what models here cannot.', {
      path: this.path(key),
      expected,
      ...(received === undefined ? {} : { received }),
      remedy: 'Change the layer where the model was made, and save it again.',
    });
  }
}

function describe(value: unknown): string {
  return typeof value === 'string' ? `"${value.slice(0, 40)}"` : kindOf(value);
}
