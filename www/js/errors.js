// Failures of the browser's file functions, as the error numbers that the engine knows.

const NUMBERS = {
  NotFoundError: 2,
  NotAllowedError: 13,
  SecurityError: 13,
  NotReadableError: 5,
  NoModificationAllowedError: 16,
  InvalidModificationError: 39,
  TypeMismatchError: 20,
  QuotaExceededError: 28,
  TypeError: 22,
};

/** @param {Error} error */
export function errorNumber(error) {
  return error.number ?? NUMBERS[error.name] ?? 5;
}

/** A failure with a number of its own. */
export class Failure extends Error {
  constructor(number, text) {
    super(text);
    this.number = number;
  }
}
