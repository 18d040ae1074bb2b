/**
 * The cryptography that secure aggregation is made of. Two implementations give the same bytes: WebCrypto, at the
 * speed of the machine, and @noble, where a browser lacks an algorithm. Nothing here is our own.
 */
export interface CryptoSuite {
  readonly name: string;
  /** Fresh X25519 key pair (RFC 7748). `secret` is the raw 32 bytes: it is shared among the neighbours. */
  createAgreementKeys(): Promise<AgreementKeys>;
  /** The public key of a raw secret: how a reconstructed mask key is checked. */
  publicKeyOf(secret: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
  /** X25519. @throws `secagg.bad-key` for a key of small order. */
  agree(
    secret: Uint8Array<ArrayBuffer>,
    publicKey: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** AES-256-GCM; `key` serves one message only, so the nonce is zero. @returns ciphertext and 16-byte tag. */
  seal(
    key: Uint8Array<ArrayBuffer>,
    plain: Uint8Array<ArrayBuffer>,
    associated: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** @throws `secagg.bad-share` when it was tampered with or sealed for another. */
  open(
    key: Uint8Array<ArrayBuffer>,
    sealed: Uint8Array<ArrayBuffer>,
    associated: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** AES-256-CTR keystream under `key` from `offset` (bytes) on, counter from zero, big-endian. In memory that is the caller's. */
  keystream(key: Uint8Array<ArrayBuffer>, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** SHA-256. */
  digest(message: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
  /** Strict Ed25519 (SPEC I-03). Never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

export interface AgreementKeys {
  readonly secret: Uint8Array<ArrayBuffer>;
  readonly publicKey: Uint8Array<ArrayBuffer>;
}
