/** 1: it couldn't be done, or not all of it. 2: it was asked for wrongly; nothing was done. 130: Ctrl-C. */
type ExitCode = 1 | 2 | 130;

/** The message is all that there is to say, for the person at the terminal. */
export class AdminError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = 1) {
    super(message);
    this.name = new.target.name;
    this.exitCode = exitCode;
  }
}

/** The reason with which work is aborted at Ctrl-C. */
export class Interrupted extends AdminError {
  constructor() {
    super("Stopped at a safe place; what is done is done.", 130);
  }
}
