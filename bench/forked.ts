// One task to a process of its own, one answer back.
import { fork } from 'node:child_process';

export interface ForkOptions {
  /** Ends the process early. */
  readonly signal: AbortSignal;
  readonly execArgv?: string[];
}

/** Throws an Error where the process ends without an answer. Its errors go to this process's stderr. */
export function runForked<Task extends object, Answer>(
  program: string,
  task: Task,
  { signal, execArgv = [] }: ForkOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw signal.reason;
    // "advanced": bodies travel as bytes, not as JSON.
    const child = fork(program, { serialization: 'advanced', execArgv, signal });
    let answer: { readonly value: Answer } | undefined;
    child.once('message', (value) => {
      answer = { value: value as Answer };
    });
    child.once('error', reject);
    child.once('exit', (code, killedBy) => {
      if (answer !== undefined) resolve(answer.value);
      else reject(new Error(`${program} ended without an answer (${killedBy ?? `exit code ${code}`}).`));
    });
    child.send(task);
  });
}
