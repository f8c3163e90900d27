/**
 * What a decoder throws on bytes it cannot use; `code` is the same word in Python, JavaScript and metrics.
 */

/** A payload that gives no features. */
export class BitstreamError extends Error {
  /**
   * @param {'malformed' | 'unknown_spec' | 'unknown_tables' | 'missing_reference'} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = 'BitstreamError';
    this.code = code;
  }
}

/** The bytes are damaged or are no payload of this format: drop it. */
export class Malformed extends BitstreamError {
  /** @param {string} message */
  constructor(message) {
    super('malformed', message);
  }
}

/** A feature spec that this decoder was not given: fetch it. `fingerprint` holds its first eight hex digits. */
export class UnknownSpec extends BitstreamError {
  /** @param {string} fingerprint */
  constructor(fingerprint) {
    super('unknown_spec', `feature spec ${fingerprint} is not known to this decoder`);
    this.fingerprint = fingerprint;
  }
}

/** Entropy tables that this decoder was not given: fetch them. `tables` holds their id. */
export class UnknownTables extends BitstreamError {
  /** @param {string} tables */
  constructor(tables) {
    super('unknown_tables', `entropy tables ${tables} are not known to this decoder`);
    this.tables = tables;
  }
}

/** A delta whose key frame was not decoded: wait for the next key. */
export class MissingReference extends BitstreamError {
  /** @param {string} message */
  constructor(message) {
    super('missing_reference', message);
  }
}
